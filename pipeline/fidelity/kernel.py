"""Kernel distance between two sets of features, as in KID.

Unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3.
Source: Binkowski et al. 2018, arXiv:1801.01401, section 4 and equation 4. Unbiased, so that it can
be compared between counts and can be slightly negative; its spread still depends on the count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def kernel_distance(
    reference: NDArray[Any], candidate: NDArray[Any], *, neighbours: int = 0
) -> dict[str, float]:
    """Measure the unbiased squared maximum mean discrepancy under the cubic kernel.

    Args:
        reference: Features of real images, (n, D), n > 1.
        candidate: Features of the images under test, (m, D), m > 1.
        neighbours: Not used; part of every metric's signature.

    Returns:
        `kid`.
    """
    del neighbours
    first = np.asarray(reference, np.float64)
    second = np.asarray(candidate, np.float64)
    within_first = _mean_off_diagonal(_kernel(first, first))
    within_second = _mean_off_diagonal(_kernel(second, second))
    across = _kernel(first, second).mean()
    return {"kid": float(within_first + within_second - 2.0 * across)}


def _kernel(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = (first @ second.T / first.shape[1] + 1.0) ** 3
    return product


def _mean_off_diagonal(matrix: NDArray[np.float64]) -> float:
    count = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (count * (count - 1)))
