"""How near each image comes to a training image: the first look for copies.

A generator that copies puts its images nearer to training images than fresh patients are, which
is why the figure only means something beside that of held-out patients (its floor).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.fidelity.distances import nearest


def nearest_neighbour(
    reference: NDArray[Any], candidate: NDArray[Any], *, neighbours: int = 0
) -> dict[str, float]:
    """Summarise the distances from candidates to their nearest training image.

    Args:
        reference: Features of training images, (n, D).
        candidate: Features of the images under test, (m, D).
        neighbours: Not used; part of every metric's signature.

    Returns:
        `nearest_median` and `nearest_p05`, the median and 5th percentile of the distances.
    """
    del neighbours
    distances, _ = nearest(candidate, reference)
    return {
        "nearest_median": float(np.median(distances)),
        "nearest_p05": float(np.percentile(distances, 5)),
    }


def share_nearer_than_held_out(
    training: NDArray[Any], synthetic: NDArray[Any], held_out: NDArray[Any], *, share: float = 0.05
) -> float:
    """Share of synthetic images nearer to training than the nearest few of held-out patients.

    Args:
        training: Features of training images, (n, D).
        synthetic: Features of synthetic images, (m, D).
        held_out: Features of images of patients the generator never saw, (h, D).
        share: Which quantile of the held-out distances is the yardstick.

    Returns:
        About `share` where nothing is copied; far above it where training images are.
    """
    yardstick = np.quantile(nearest(held_out, training)[0], share)
    return float(np.mean(nearest(synthetic, training)[0] < yardstick))
