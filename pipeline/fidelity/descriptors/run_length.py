"""Grey-level run lengths: for how many pixels in a row a level stays the same.

P(i, j) is the number of runs of level i and length j in a direction. Figures are taken for each
direction and averaged, as those of co-occurrence are.
Sources: Galloway 1975; the IBSI's section 3.7 (arXiv:1612.07003). Names are pyradiomics'. What
grows with the image alone, as non-uniformity that is not normalised, is left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.fidelity.descriptors.levels import OUTSIDE, blocks, directions, entropy, pairs


def run_length(levels: NDArray[np.int64], *, bins: int) -> dict[str, NDArray[np.float64]]:
    """Describe N images by their runs.

    Args:
        levels: (N, *spatial), 1 to `bins`, and 0 outside of the region.
        bins: Grey levels.

    Returns:
        Figures by name, (N,) each; 0 for an empty region.
    """
    longest = max(levels.shape[1:])
    found = [_averaged(levels[block], bins) for block in blocks(len(levels), 8 * bins * longest)]
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


def matrix(
    levels: NDArray[np.int64], *, bins: int, direction: tuple[int, ...]
) -> NDArray[np.float64]:
    """Count the runs, (N, bins, longest), the last axis for lengths of 1 and more."""
    longest = max(levels.shape[1:])
    lengths = _lengths(levels, direction, longest)
    starts = levels != OUTSIDE
    before, here = pairs(levels, direction)
    _, later = pairs(starts, direction)
    later &= before != here
    rows = np.broadcast_to(
        np.arange(len(levels)).reshape(-1, *[1] * (levels.ndim - 1)), levels.shape
    )
    codes = (rows[starts] * bins + levels[starts] - 1) * longest + lengths[starts] - 1
    counts = np.bincount(codes, minlength=len(levels) * bins * longest)
    return counts.reshape(len(levels), bins, longest).astype(np.float64)


def _lengths(
    levels: NDArray[np.int64], direction: tuple[int, ...], longest: int
) -> NDArray[np.int64]:
    """For each pixel, how many pixels from it on have its level: doubled until it cannot grow."""
    lengths = np.ones_like(levels)
    reach = 1
    while reach < longest:
        offset = tuple(reach * step for step in direction)
        level, level_there = pairs(levels, offset)
        so_far, from_there = pairs(lengths, offset)
        grown = so_far + np.where((so_far == reach) & (level == level_there), from_there, 0)
        so_far[...] = grown
        reach *= 2
    return lengths


def _averaged(levels: NDArray[np.int64], bins: int) -> dict[str, NDArray[Any]]:
    every = directions(levels.ndim - 1)
    pixels = (levels != OUTSIDE).reshape(len(levels), -1).sum(1)
    totals: dict[str, NDArray[Any]] = {}
    for direction in every:
        counts = matrix(levels, bins=bins, direction=direction)
        for name, figures in _described(counts, pixels).items():
            totals[name] = totals.get(name, 0.0) + figures
    return {name: total / len(every) for name, total in totals.items()}


def _described(counts: NDArray[np.float64], pixels: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """(N, bins, longest) counts -> figures."""
    runs = np.maximum(counts.sum((1, 2)), 1.0)
    p = counts / runs[:, None, None]
    of_level, of_length = p.sum(2), p.sum(1)
    level, length = (np.arange(1.0, count + 1) for count in p.shape[1:])
    mean_level, mean_length = of_level @ level, of_length @ length

    def weighted(by_level: NDArray[Any], by_length: NDArray[Any]) -> NDArray[np.float64]:
        summed: NDArray[np.float64] = np.einsum("nij,i,j->n", p, by_level, by_length)
        return summed

    return {
        "ShortRunEmphasis": of_length @ length**-2,
        "LongRunEmphasis": of_length @ length**2,
        "LowGrayLevelRunEmphasis": of_level @ level**-2,
        "HighGrayLevelRunEmphasis": of_level @ level**2,
        "ShortRunLowGrayLevelEmphasis": weighted(level**-2, length**-2),
        "ShortRunHighGrayLevelEmphasis": weighted(level**2, length**-2),
        "LongRunLowGrayLevelEmphasis": weighted(level**-2, length**2),
        "LongRunHighGrayLevelEmphasis": weighted(level**2, length**2),
        "GrayLevelNonUniformityNormalized": (of_level**2).sum(1),
        "RunLengthNonUniformityNormalized": (of_length**2).sum(1),
        "RunPercentage": counts.sum((1, 2)) / np.maximum(pixels, 1),
        "GrayLevelVariance": of_level @ level**2 - mean_level**2,
        "RunVariance": of_length @ length**2 - mean_length**2,
        "RunEntropy": entropy(p.reshape(len(p), -1)),
    }
