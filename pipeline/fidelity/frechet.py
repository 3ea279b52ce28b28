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
    cov_first, cov_second = _covariance(first), _covariance(second)
    # tr (C1 C2)^(1/2) through the symmetric C1^(1/2) C2 C1^(1/2), which has the same eigenvalues
    # and stays real when there are fewer images than features.
    values, vectors = np.linalg.eigh(cov_first)
    root = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ cov_second @ root)
    trace = np.sqrt(np.clip(cross, 0.0, None)).sum()
    distance = shift @ shift + np.trace(cov_first) + np.trace(cov_second) - 2.0 * trace
    return {"frechet": max(float(distance), 0.0)}


def _covariance(features: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = features - features.mean(0)
    product: NDArray[np.float64] = centred.T @ centred / (len(features) - 1)
    return product
