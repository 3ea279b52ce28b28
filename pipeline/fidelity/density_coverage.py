"""Density and coverage: precision and recall that outliers and equal sets do not mislead.

Both build neighbourhoods about real images alone, so that one stray generated image cannot cover
the whole space, and two draws of one distribution reach known values (density 1 in expectation).
Source: Naeem et al. 2020, arXiv:2002.09797, equations 3 and 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.fidelity.distances import pairwise, radii


def density_coverage(
    reference: NDArray[Any], candidate: NDArray[Any], *, neighbours: int
) -> dict[str, float]:
    """Measure how many real neighbourhoods images lie in, and what share of them holds any.

    Args:
        reference: Features of real images, (n, D).
        candidate: Features of the images under test, (m, D).
        neighbours: k of the k-th nearest neighbour.

    Returns:
        `density` (mean neighbourhoods that a candidate lies in, over k; may exceed 1) and
        `coverage` (share of real images with a candidate in their neighbourhood).
    """
    inside = pairwise(reference, candidate) <= radii(reference, neighbours)[:, None]
    used = min(neighbours, len(reference) - 1)
    return {
        "density": float(inside.sum(0).mean() / used),
        "coverage": float(np.mean(inside.any(1))),
    }
