"""What selection found of a set of images, and what the chosen ones cost in variety."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.fidelity.density_coverage import density_coverage
from pipeline.fidelity.precision_recall import precision_recall
from pipeline.selection.criterion import PASS, Ground

_DIGITS = 4


@dataclass(frozen=True)
class Judged:
    """What was found of n images.

    Args:
        scores: By criterion, (n,) in [0, 1].
        features: By feature space, (n, D).
        labels: (n,) class indices.
    """

    scores: Mapping[str, NDArray[np.float64]]
    features: Mapping[str, NDArray[np.float64]]
    labels: NDArray[np.int64]

    @property
    def score(self) -> NDArray[np.float64]:
        """The least of the criteria, (n,), with four digits; one where there is none."""
        least = np.ones(len(self.labels))
        for each in self.scores.values():
            least = np.minimum(least, each)
        return np.round(least, _DIGITS)


def summarise(ground: Ground, judged: Judged, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    """Describe by class what was chosen.

    Args:
        ground: The training rows.
        judged: What was found of n images.
        chosen: (n,) which of them were chosen.

    Returns:
        By class: counts `images`, `selected`, `passed` (the pass mark of every criterion) and
        `refused` (as copies); `failed`, by criterion the images below its pass mark; `variety`, by
        feature space `recall_all`, `coverage_all`, `recall_selected` and `coverage_selected`: the
        share of the training rows that is covered by the chosen images, and by as many of all.
    """
    classes = ground.classes
    found: dict[str, Any] = {}
    for label in np.unique(judged.labels):
        mine = judged.labels == label
        score = judged.score[mine]
        found[classes[label]] = {
            "images": int(mine.sum()),
            "selected": int(chosen[mine].sum()),
            "passed": int((score >= PASS).sum()),
            "refused": int((score == 0).sum()),
            "failed": {
                name: int((each[mine] < PASS).sum()) for name, each in judged.scores.items()
            },
            "variety": {
                space: _variety(
                    ground.training.features[space][ground.training.labels == label],
                    features[mine],
                    features[mine & chosen],
                    ground.options.neighbours,
                )
                for space, features in judged.features.items()
            },
        }
    return found


def _variety(
    rows: NDArray[Any], every: NDArray[Any], picked: NDArray[Any], neighbours: int
) -> dict[str, float]:
    found: dict[str, float] = {}
    if len(rows) < 2 or len(picked) < 2:
        return found
    # Both figures depend on the number of images, so all are thinned to as many as the chosen.
    thinned = every[np.linspace(0, len(every) - 1, len(picked)).astype(int)]
    for name, features in (("all", thinned), ("selected", picked)):
        recall = precision_recall(rows, features, neighbours=neighbours)["recall"]
        coverage = density_coverage(rows, features, neighbours=neighbours)["coverage"]
        found[f"recall_{name}"] = round(recall, _DIGITS)
        found[f"coverage_{name}"] = round(coverage, _DIGITS)
    return found
