"""Improved precision and recall: are the images realistic, and do they cover the real ones?

A point lies on a set's manifold if it is within the k-th nearest neighbour's distance of one of
its points. Source: Kynkaanniemi et al. 2019, arXiv:1904.06991, equations 1 and 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.fidelity.distances import pairwise, radii


def precision_recall(
    reference: NDArray[Any], candidate: NDArray[Any], *, neighbours: int
) -> dict[str, float]:
    """Measure the share of each set that lies on the other's manifold.

    Args:
        reference: Features of real images, (n, D).
        candidate: Features of the images under test, (m, D).
        neighbours: k of the k-th nearest neighbour.

    Returns:
        `precision` (candidates that look real) and `recall` (real images that are covered).
    """
    distances = pairwise(reference, candidate)
    real_radii = radii(reference, neighbours)
    fake_radii = radii(candidate, neighbours)
    precision = (distances <= real_radii[:, None]).any(0)
    recall = (distances <= fake_radii[None, :]).any(1)
    return {"precision": float(np.mean(precision)), "recall": float(np.mean(recall))}
