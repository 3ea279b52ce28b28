"""Grey levels and directions, which all texture matrices are made from.

Intensities become levels with a fixed number of bins, as the IBSI has it (Zwanenburg et al. 2020,
Radiology 295(2); reference manual arXiv:1612.07003). The bins span the scaling's window, the same
for every image: between an image's own least and greatest value, one bright pixel would move all.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

OUTSIDE = 0


def discretise(images: NDArray[Any], bins: int) -> NDArray[np.int64]:
    """Turn model input in [-1, 1] into levels 1 to `bins`, of the same shape.

    Source: the reference manual's section 2.7, fixed bin number.
    """
    share = (np.asarray(images, np.float64) + 1.0) / 2.0
    levels: NDArray[np.int64] = np.clip(np.floor(bins * share), 0, bins - 1).astype(np.int64) + 1
    return levels


def directions(dims: int) -> list[tuple[int, ...]]:
    """The directions to a pixel's neighbours, one of each opposite pair: 4 in 2D, 13 in 3D."""
    steps = product((-1, 0, 1), repeat=dims)
    return [step for step in steps if step > (0,) * dims]


def pairs(levels: NDArray[Any], offset: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
    """View the pixels that have a pixel at an offset, and those pixels.

    Args:
        levels: (N, *spatial).
        offset: Along each spatial axis, in pixels.

    Returns:
        Two views of one shape, empty where the image is too small.
    """
    here: list[slice] = [slice(None)]
    there: list[slice] = [slice(None)]
    for length, step in zip(levels.shape[1:], offset, strict=True):
        low, high = max(0, -step), max(length - max(0, step), 0)
        here.append(slice(low, max(high, low)))
        there.append(slice(max(low + step, 0), max(high + step, low + step, 0)))
    return levels[tuple(here)], levels[tuple(there)]


def blocks(count: int, cells: int, *, most: int = 1 << 22) -> Iterator[slice]:
    """Divide `count` images so that a block's matrices, of `cells` cells each, stay small."""
    size = max(1, most // max(cells, 1))
    for start in range(0, count, size):
        yield slice(start, start + size)


def entropy(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shannon entropy in bits over the last axis; a share of 0 counts nothing."""
    terms = np.zeros_like(shares)
    np.log2(shares, out=terms, where=shares > 0)
    result: NDArray[np.float64] = -(shares * terms).sum(-1)
    return result
