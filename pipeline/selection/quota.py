"""From scores to a choice: the best of each class, spread as all good images of it are spread.

The best alone would be what is commonest and easiest. Therefore every neighbourhood of training
rows gives its share: the class's training rows are covered by a few of them (greedy k-centre, so
that rare appearances get a neighbourhood of their own), every image belongs to the nearest, and
each neighbourhood contributes in proportion to its images that pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.fidelity.distances import nearest
from pipeline.selection.criterion import PASS


def centres(features: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Cover points by few of them: the most central one, then ever the one furthest from all.

    Args:
        features: (n, D).
        count: How many at most.

    Returns:
        Positions, (min(n, count),), of different points.

    Source: Gonzalez 1985, Clustering to minimize the maximum intercluster distance.
    """
    first = int(np.linalg.norm(features - features.mean(0), axis=1).argmin())
    chosen = [first]
    apart = np.linalg.norm(features - features[first], axis=1)
    while len(chosen) < count and apart.max() > 0:
        chosen.append(int(apart.argmax()))
        apart = np.minimum(apart, np.linalg.norm(features - features[chosen[-1]], axis=1))
    return np.array(chosen, np.int64)


def cells(candidates: NDArray[Any], rows: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Assign images, (n, D), to the nearest of `count` rows that cover all rows, (r, D)."""
    if count < 2 or not len(rows):
        return np.zeros(len(candidates), np.int64)
    return nearest(candidates, rows[centres(rows, count)])[1]


def choose(scores: NDArray[np.float64], cell: NDArray[np.int64], keep: float) -> NDArray[np.bool_]:
    """Choose the share `keep` of one class's images, at least one where any is not refused.

    Args:
        scores: (n,) in [0, 1].
        cell: (n,) the neighbourhood of each.
        keep: Share of the n images.

    Returns:
        (n,) whether chosen. Where too few pass, the best of the others fill up, but never those
        of score zero.
    """
    quota = min(max(1, int(keep * len(scores) + 0.5)), int((scores > 0).sum()))
    passed = scores >= PASS
    chosen = np.zeros(len(scores), bool)
    order = np.argsort(-scores, kind="stable")
    if passed.sum() <= quota:
        chosen[order[:quota]] = True
        return chosen
    for index, share in enumerate(_shares(np.bincount(cell[passed]), quota)):
        mine = order[(cell[order] == index) & passed[order]]
        chosen[mine[:share]] = True
    return chosen


def _shares(counts: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Divide a total in proportion to counts, the largest remainders rounded up."""
    exact = counts * (total / counts.sum())
    shares: NDArray[np.int64] = np.floor(exact + 1e-9).astype(np.int64)
    largest = np.argsort(shares - exact, kind="stable")
    shares[largest[: total - int(shares.sum())]] += 1
    return shares
