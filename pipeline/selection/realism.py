"""Does an image lie where the training rows of its class lie, in every feature space?

The realism score asks how far beyond the neighbourhood of a training row an image lies. It grows
without bound towards the rows themselves, where copies are, so it counts only up to what rows
that were left out reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.fidelity.distances import pairwise, radii
from pipeline.selection.criterion import PASS, Ground, Seen

_POOREST = 0.05
_LEAST = 1e-3  # above zero, which would refuse


def realism(
    candidate: NDArray[Any], rows: NDArray[Any], row_radii: NDArray[Any]
) -> NDArray[np.float64]:
    """Measure realism: the greatest, over real rows, of radius over distance.

    Args:
        candidate: Features of images, (n, D).
        rows: Features of real rows, (r, D).
        row_radii: (r,) distances to the rows' k-th nearest other row.

    Returns:
        (n,), at least 1 within the neighbourhood of some row.

    Source: Kynkaanniemi et al. 2019, arXiv:1904.06991, equation 3.
    """
    distances = np.maximum(pairwise(candidate, rows), 1e-12)
    found: NDArray[np.float64] = (row_radii[None, :] / distances).max(1)
    return found


@dataclass(frozen=True)
class _Region:
    """Where one class lies in one space: rows, radii, and the realism of rows left out."""

    rows: NDArray[Any]
    radii: NDArray[Any]
    pass_mark: float

    @classmethod
    def of(cls, features: NDArray[Any], groups: NDArray[Any], neighbours: int) -> Self:
        found = radii(features, neighbours)
        # The half with the largest neighbourhoods, outliers among them, would call anything real.
        dense = found <= np.median(found)
        rows, kept, owners = features[dense], found[dense], groups[dense]
        own = np.array(
            [
                realism(row[None], rows[owners != group], kept[owners != group])[0]
                for row, group in zip(features, groups, strict=True)
                if (owners != group).any()
            ]
        )
        mark = float(np.quantile(own, _POOREST)) if len(own) else 0.0
        return cls(rows, kept, max(mark, 1e-9))


class Realism:
    """Realism within the class, on the scale of training rows, the least over feature spaces.

    Args:
        regions: By feature space and then by class index.
    """

    def __init__(self, regions: Mapping[str, Mapping[int, _Region]]) -> None:
        self._regions = regions

    @classmethod
    def fit(cls, ground: Ground) -> Self:
        """Measure the neighbourhoods, and how real each row looks to rows of other patients."""
        training = ground.training
        labels = training.labels
        return cls(
            {
                space: {
                    int(label): _Region.of(
                        features[labels == label],
                        ground.groups[labels == label],
                        ground.options.neighbours,
                    )
                    for label in np.unique(labels)
                }
                for space, features in training.features.items()
            }
        )

    def __call__(self, seen: Seen) -> NDArray[np.float64]:
        """Score one half where only one in twenty rows looks less real, and one at twice that."""
        scores = np.full(len(seen.labels), _LEAST)
        for label in np.unique(seen.labels):
            mine = seen.labels == label
            regions = [each[int(label)] for each in self._regions.values() if label in each]
            if not regions:
                continue
            found = [
                realism(seen.features[space][mine], region.rows, region.radii) / region.pass_mark
                for space, region in zip(self._regions, regions, strict=True)
            ]
            scores[mine] = np.clip(PASS * np.min(found, axis=0), _LEAST, 1.0)
        return scores
