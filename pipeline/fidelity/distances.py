"""Euclidean distances between feature sets, in blocks so that memory stays bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 2048


def pairwise(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Measure all distances between (n, D) and (m, D), as (n, m)."""
    a = np.asarray(first, np.float64)
    b = np.asarray(second, np.float64)
    squared = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2.0 * a @ b.T
    distances: NDArray[np.float64] = np.sqrt(np.clip(squared, 0.0, None))
    return distances


def nearest(queries: NDArray[Any], base: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Find the nearest of `base` for each query: distances (n,) and positions (n,)."""
    distances = np.empty(len(queries))
    positions = np.empty(len(queries), np.int64)
    for start in range(0, len(queries), _BLOCK):
        block = pairwise(queries[start : start + _BLOCK], base)
        positions[start : start + _BLOCK] = block.argmin(1)
        distances[start : start + _BLOCK] = block.min(1)
    return distances, positions


def radii(features: NDArray[Any], neighbours: int) -> NDArray[np.float64]:
    """Distance from each row to its k-th nearest other row, (n,)."""
    count = min(neighbours, len(features) - 1)
    result = np.empty(len(features))
    for start in range(0, len(features), _BLOCK):
        block = pairwise(features[start : start + _BLOCK], features)
        result[start : start + _BLOCK] = np.partition(block, count, axis=1)[:, count]
    return result
