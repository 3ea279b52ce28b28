"""Kernel distance between two sets of features, as in KID, and how sure it is.

Unbiased squared maximum mean discrepancy with the kernel k(x, y) = (x.y / D + 1)^3, D the number
of features: the mean of k over pairs of different x, plus that over pairs of different y, less
twice the mean over all pairs (x, y).
Source: Binkowski et al. 2018, arXiv:1801.01401, section 4 and equation 4. Unbiased, so that it can
be compared between counts and can be slightly negative; its spread still depends on the count.

The standard error is the jackknife's, over blocks of one image, of each set by itself (Arvesen
1969); of independent images it is on average not too small (Efron and Stein 1981). The published
way, the spread over random subsets, is the spread at the subset's size and shrinks as subsets
overlap.
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
        reference: Features of real images, (n, D), n > 2.
        candidate: Features of the images under test, (m, D), m > 2.
        neighbours: Not used; part of every metric's signature.

    Returns:
        `kid`, and `kid_standard_error` of it on as many images.
    """
    del neighbours
    first = np.asarray(reference, np.float64)
    second = np.asarray(candidate, np.float64)
    kernels = (_kernel(first, first), _kernel(second, second), _kernel(first, second))
    within_first, within_second = _mean_off_diagonal(kernels[0]), _mean_off_diagonal(kernels[1])
    across = kernels[2].mean()
    variance = _jackknife(kernels[0], kernels[2]) + _jackknife(kernels[1], kernels[2].T)
    return {
        "kid": float(within_first + within_second - 2.0 * across),
        "kid_standard_error": float(np.sqrt(variance)),
    }


def _kernel(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = (first @ second.T / first.shape[1] + 1.0) ** 3
    return product


def _mean_off_diagonal(matrix: NDArray[np.float64]) -> float:
    count = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (count * (count - 1)))


def _jackknife(within: NDArray[np.float64], across: NDArray[np.float64]) -> float:
    """Variance from leaving out each row's image: (n, n) among its set, (n, m) to the other."""
    count, others = across.shape
    if count < 3:
        return 0.0
    pairs = within.sum(1) - np.diag(within)
    left_within = (pairs.sum() - 2.0 * pairs) / ((count - 1) * (count - 2))
    left_across = (across.sum() - across.sum(1)) / ((count - 1) * others)
    without = left_within - 2.0 * left_across
    return float((count - 1) * without.var())
