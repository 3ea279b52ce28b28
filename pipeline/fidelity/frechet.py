"""Fréchet distance between two sets of features, as in FID.

Fréchet distance of two Gaussians: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).
Source: Heusel et al. 2017, arXiv:1706.08500, equation 6 (there on Inception features). It is biased
upwards on few images, by an amount that depends on how many: compare equal counts only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def frechet_distance(
    reference: NDArray[Any], candidate: NDArray[Any], *, neighbours: int = 0
) -> dict[str, float]:
    """Measure the Fréchet distance between the Gaussian fits of two sets.

    Args:
        reference: Features of real images, (n, D).
        candidate: Features of the images under test, (m, D).
        neighbours: Not used; part of every metric's signature.

    Returns:
        `frechet`, at least 0.
    """
    del neighbours
    first = np.asarray(reference, np.float64)
    second = np.asarray(candidate, np.float64)
    shift = first.mean(0) - second.mean(0)
    # Rows scaled so that X.T @ X is the covariance.
    scaled = [(each - each.mean(0)) / np.sqrt(len(each) - 1) for each in (first, second)]
    spread = sum(float((each**2).sum()) for each in scaled)
    distance = float(shift @ shift) + spread - 2.0 * _trace_of_root(*scaled)
    return {"frechet": max(distance, 0.0)}


def _trace_of_root(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Trace of (C1 C2)^(1/2) for C1 = X.T X and C2 = Y.T Y, (n, D) and (m, D).

    C1 C2 has the eigenvalues of (X Y.T)(X Y.T).T, so that the trace is the sum of the singular
    values of X Y.T, (n, m). With more images than features, X and Y give way to the triangular
    (D, D) factors of the same covariances.
    """
    first, second = _fewest_rows(x), _fewest_rows(y)
    return float(np.linalg.svd(first @ second.T, compute_uv=False).sum())


def _fewest_rows(x: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(x) <= x.shape[1]:
        return x
    factor: NDArray[np.float64] = np.linalg.qr(x, mode="reduced").R
    return factor
