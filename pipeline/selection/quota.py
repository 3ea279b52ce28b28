"""From scores to a choice: of each class a share, of what passes the most varied.

The highest scores are what is commonest and easiest; choosing by them alone shrinks variety, which
is what a classifier wants synthetic images for. So scores decide what passes, and of that each
image is chosen that lies furthest from all chosen before it (greedy k-centre).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.selection.criterion import PASS


def furthest_first(features: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Order points: the most central one, then ever the one furthest from all before it.

    Args:
        features: (n, D).
        count: How many at most.

    Returns:
        Positions of different points, at most `count`; fewer where the rest equals one of them.
        A greater count begins with the same.

    Source: Gonzalez 1985, Clustering to minimize the maximum intercluster distance, Theoretical
        Computer Science 38.
    """
    chosen = [int(np.linalg.norm(features - features.mean(0), axis=1).argmin())]
    apart = np.linalg.norm(features - features[chosen[0]], axis=1)
    while len(chosen) < count and apart.max() > 0:
        chosen.append(int(apart.argmax()))
        apart = np.minimum(apart, np.linalg.norm(features - features[chosen[-1]], axis=1))
    return np.array(chosen[:count], np.int64)


def choose(
    scores: NDArray[np.float64], features: NDArray[Any], keep: float, *, spread: bool
) -> NDArray[np.bool_]:
    """Choose the share `keep` of one class's images, at least one where any is not refused.

    Args:
        scores: (n,) in [0, 1].
        features: (n, D), in which variety is measured.
        keep: Share of the n images.
        spread: Whether to choose the most varied of those that pass, or the best.

    Returns:
        (n,) whether chosen. Where too few pass, the best of the others fill up, but never those
        of score zero.
    """
    quota = min(max(1, int(keep * len(scores) + 0.5)), int((scores > 0).sum()))
    order = np.argsort(-scores, kind="stable")
    passed = np.flatnonzero(scores >= PASS)
    chosen = np.zeros(len(scores), bool)
    if spread and len(passed) > quota > 0:
        chosen[passed[furthest_first(features[passed], quota)]] = True
    rest = order[~chosen[order]]
    chosen[rest[: quota - int(chosen.sum())]] = True
    return chosen
