"""Grey-level co-occurrence: which levels stand next to which.

p(i, j) is the share of pixel pairs at an offset, counted both ways, that have the levels i and j;
mu is the mean of i. Figures are taken for each direction and averaged over those that have pairs,
the reference manual's "2D, averaged" in 2D and "3D, averaged" over the 13 directions in 3D: slices
taken one by one would miss what only differs between them. One count over a whole block of images
serves both, which a loop over scikit-image's matrices in 2D does not.
Sources: Haralick et al. 1973; the IBSI's section 3.6 (arXiv:1612.07003). Names are pyradiomics'.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.fidelity.descriptors.levels import OUTSIDE, blocks, directions, entropy, pairs


def cooccurrence(
    levels: NDArray[np.int64], *, bins: int, distance: int
) -> dict[str, NDArray[np.float64]]:
    """Describe N images by their co-occurrence matrices.

    Args:
        levels: (N, *spatial), 1 to `bins`, and 0 outside of the region.
        bins: Grey levels.
        distance: Pixels between two pixels of a pair, along each axis of the direction.

    Returns:
        Figures by name, (N,) each; 0 where a region has no pairs.
    """
    found = [
        _averaged(levels[block], bins, distance) for block in blocks(len(levels), 8 * bins * bins)
    ]
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


def matrix(levels: NDArray[np.int64], *, bins: int, offset: tuple[int, ...]) -> NDArray[np.float64]:
    """Count the pairs at an offset, both ways, (N, bins, bins)."""
    first, second = pairs(levels, offset)
    rows = np.arange(len(levels)).reshape(-1, *[1] * (levels.ndim - 1))
    codes = ((rows * bins + first - 1) * bins + second - 1)[
        (first != OUTSIDE) & (second != OUTSIDE)
    ]
    counts = np.bincount(codes.ravel(), minlength=len(levels) * bins**2)
    counted = counts.reshape(len(levels), bins, bins).astype(np.float64)
    both: NDArray[np.float64] = counted + counted.transpose(0, 2, 1)
    return both


def _averaged(levels: NDArray[np.int64], bins: int, distance: int) -> dict[str, NDArray[Any]]:
    """The mean over the directions in which an image has pairs."""
    totals: dict[str, NDArray[Any]] = {}
    used = np.zeros(len(levels))
    for direction in directions(levels.ndim - 1):
        counts = matrix(levels, bins=bins, offset=tuple(distance * step for step in direction))
        sums = counts.sum((1, 2))
        used += sums > 0
        shares = counts / np.maximum(sums, 1.0)[:, None, None]
        for name, figures in _described(shares).items():
            totals[name] = totals.get(name, 0.0) + np.where(sums > 0, figures, 0.0)
    return {name: total / np.maximum(used, 1.0) for name, total in totals.items()}


def _described(p: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """(N, bins, bins) shares -> figures."""
    bins = p.shape[1]
    level = np.arange(1.0, bins + 1)
    i, j = level[:, None], level[None, :]
    marginal = p.sum(2)
    mean = marginal @ level
    variance = marginal @ level**2 - mean**2
    product = np.einsum("nij,i,j->n", p, level, level)
    apart = _along(p, np.abs(i - j).astype(int))
    gap = np.arange(bins, dtype=np.float64)
    difference = apart @ gap
    # Equal levels everywhere are as correlated as can be; pyradiomics says 1 too.
    varies = variance > 1e-12
    correlation = np.where(varies, (product - mean**2) / np.where(varies, variance, 1.0), 1.0)
    return {
        "MaximumProbability": p.max((1, 2)),
        "JointAverage": mean,
        "SumSquares": variance,
        "JointEntropy": entropy(p.reshape(len(p), -1)),
        "DifferenceAverage": difference,
        "DifferenceVariance": apart @ gap**2 - difference**2,
        "DifferenceEntropy": entropy(apart),
        "SumEntropy": entropy(_along(p, (i + j).astype(int) - 2)),
        "JointEnergy": (p**2).sum((1, 2)),
        "Contrast": apart @ gap**2,
        "Id": apart @ (1.0 / (1.0 + gap)),
        "Idm": apart @ (1.0 / (1.0 + gap**2)),
        "InverseVariance": apart[:, 1:] @ (1.0 / gap[1:] ** 2),
        "Correlation": correlation,
        "Autocorrelation": product,
        **_clusters(p, mean),
        **_information(p, marginal),
    }


def _clusters(p: NDArray[np.float64], mean: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """Moments of the sum of a pair's levels about its mean."""
    bins = p.shape[1]
    sums = np.add.outer(np.arange(bins), np.arange(bins))
    total = _along(p, sums)
    centred = np.arange(2.0, 2 * bins + 1)[None, :] - 2.0 * mean[:, None]
    return {
        name: (total * centred**power).sum(1)
        for name, power in (("ClusterTendency", 2), ("ClusterShade", 3), ("ClusterProminence", 4))
    }


def _information(
    p: NDArray[np.float64], marginal: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """How much one level of a pair tells about the other; 0 where there is one level."""
    joint, single = entropy(p.reshape(len(p), -1)), entropy(marginal)
    # The entropy of independent levels with these marginals: HXY1 and HXY2 of a symmetric matrix.
    independent = 2.0 * single
    told = (joint - independent) / np.where(single > 1e-12, single, 1.0)
    share = 1.0 - np.exp(-2.0 * np.maximum(independent - joint, 0.0))
    return {"Imc1": np.where(single > 1e-12, told, 0.0), "Imc2": np.sqrt(share)}


def _along(p: NDArray[np.float64], index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum the cells (i, j) that have the same index: (N, bins, bins) -> (N, greatest index + 1)."""
    belongs = np.equal.outer(index.ravel(), np.arange(index.max() + 1)).astype(np.float64)
    summed: NDArray[np.float64] = p.reshape(len(p), -1) @ belongs
    return summed
