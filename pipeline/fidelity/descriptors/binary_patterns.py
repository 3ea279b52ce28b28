"""Local binary patterns: which of a pixel's eight neighbours are at least as bright.

Patterns with at most two changes around the circle count by how many neighbours are bright (0 to
8), all others together: the rotation-invariant uniform patterns, whose shares are the figures. In
3D, over the slices along all three axes (Zhao and Pietikainen 2007, three orthogonal planes).
Source: Ojala et al. 2002, IEEE TPAMI 24(7), equation 10, with the eight nearest pixels as circle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_CIRCLE = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
_PATTERNS = len(_CIRCLE) + 2


def binary_patterns(images: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """Describe N images, (N, *spatial) with at least 3 pixels along each axis.

    Returns:
        `Pattern0` to `Pattern9`, the share of each pattern, (N,) each.
    """
    if images.ndim == 3:
        counts = _counted(images)
    else:
        turned = [np.moveaxis(images, axis, 1) for axis in (1, 2, 3)]
        counts = sum((_of_slices(each) for each in turned), np.zeros((len(images), _PATTERNS)))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1.0)
    return {f"Pattern{number}": shares[:, number] for number in range(_PATTERNS)}


def _of_slices(volumes: NDArray[Any]) -> NDArray[np.float64]:
    """(N, slices, rows, columns) -> (N, patterns) counts."""
    count, slices = volumes.shape[:2]
    flat = _counted(volumes.reshape(count * slices, *volumes.shape[2:]))
    summed: NDArray[np.float64] = flat.reshape(count, slices, _PATTERNS).sum(1)
    return summed


def _counted(images: NDArray[Any]) -> NDArray[np.float64]:
    """(N, rows, columns) -> (N, patterns) counts over the pixels that have all neighbours."""
    rows, columns = images.shape[1:]
    centre = images[:, 1:-1, 1:-1]
    bright = np.stack(
        [images[:, 1 + r : rows - 1 + r, 1 + c : columns - 1 + c] >= centre for r, c in _CIRCLE]
    )
    changes = (bright != np.roll(bright, 1, axis=0)).sum(0)
    patterns = np.where(changes <= 2, bright.sum(0), _PATTERNS - 1)
    codes = np.arange(len(images))[:, None, None] * _PATTERNS + patterns
    counts = np.bincount(codes.ravel(), minlength=len(images) * _PATTERNS)
    return counts.reshape(len(images), _PATTERNS).astype(np.float64)
