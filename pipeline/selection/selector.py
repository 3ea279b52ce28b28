"""Score a fold's synthetic images and choose among them.

An image is as good as its worst criterion, so `selection_score` is the least of them: 0 is
refused, one half passes everything, 1 is beyond reproach. All is fitted on training rows;
validation rows choose the checkpoint of the network that looks at the images, and do nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.compute import Machine, Report
from pipeline.config import Augment, Selection
from pipeline.errors import DataError
from pipeline.fidelity.density_coverage import density_coverage
from pipeline.fidelity.features.fold_embedding import FoldEmbedding
from pipeline.fidelity.features.texture import Texture
from pipeline.fidelity.precision_recall import precision_recall
from pipeline.imageset import ImageSet
from pipeline.registry import SELECTORS
from pipeline.selection.criterion import PASS, Criterion, Embed, Ground, Seen
from pipeline.selection.quota import choose

_DIGITS = 4
_SPREAD = "texture"


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


class Selector:
    """Judges and chooses images by a fold's training rows.

    Args:
        ground: The rows, and what was fitted on them.
        criteria: Fitted criteria by name.
    """

    def __init__(self, ground: Ground, criteria: Mapping[str, Criterion]) -> None:
        self._ground = ground
        self._spaces = ground.spaces
        self._criteria = criteria

    @classmethod
    def fit(
        cls,
        training: ImageSet,
        validation: ImageSet,
        groups: NDArray[Any],
        options: Selection,
        *,
        steps: int,
        seed: int,
        machine: Machine,
        augment: Augment,
        report: Report | None = None,
    ) -> Self:
        """Fit the feature spaces and the criteria that `options` names.

        Args:
            training: Real training rows of the fold.
            validation: Validation rows; they choose the network's checkpoint.
            groups: (n,) the patient or cluster of duplicates of each training row.
            options: `synthesize.selection`.
            steps: Optimiser steps of the network.
            seed: Determines it.
            machine: Device and precision.
            augment: Online augmentation of its training.
            report: Hears its steps.

        Raises:
            DataError: If a class has too few training rows to know its like by.
        """
        if len(training) < 2:
            raise DataError(training.root, "has too few training rows to select by; add scans")
        network = FoldEmbedding.fit(
            training,
            validation,
            steps=steps,
            seed=seed,
            machine=machine,
            augment=augment,
            report=report,
        )
        spaces: dict[str, Embed] = {"embedding": network, "texture": Texture.fit(training)}
        ground = Ground(
            Seen.through(spaces, training), groups, spaces, network.probabilities, options
        )
        kinds = {name: _kind(name) for name in options.criteria}
        return cls(ground, {name: kind.fit(ground) for name, kind in kinds.items()})

    def judge(self, images: ImageSet, advance: Callable[[int], None]) -> Judged:
        """Score images by every criterion.

        Args:
            images: Synthetic images with their requested labels.
            advance: Called with 1 after each image.
        """
        scores: dict[str, list[NDArray[np.float64]]] = {name: [] for name in self._criteria}
        features: dict[str, list[NDArray[np.float64]]] = {name: [] for name in self._spaces}
        for row in range(len(images)):
            # One at a time: the last digits of a network's output depend on the batch's size.
            seen = Seen.through(self._spaces, images.take([row]))
            for name, criterion in self._criteria.items():
                scores[name].append(criterion(seen))
            for name, found in seen.features.items():
                features[name].append(found)
            advance(1)
        return Judged(_joined(scores), _joined(features), images.labels)

    def choose(self, judged: Judged) -> NDArray[np.bool_]:
        """Choose `keep` of the images of each class."""
        options = self._ground.options
        chosen = np.zeros(len(judged.labels), bool)
        for label in np.unique(judged.labels):
            mine = judged.labels == label
            chosen[mine] = choose(
                judged.score[mine],
                judged.features[_SPREAD][mine],
                options.keep,
                spread=options.spread,
            )
        return chosen

    def summary(self, judged: Judged, chosen: NDArray[np.bool_]) -> dict[str, dict[str, Any]]:
        """Describe by class what was chosen.

        Returns:
            By class: `images`, `selected`, `passed` and `refused` counts; `failed`, by criterion
            the images below the pass mark; and `recall` and `coverage` of the training rows by
            all images and by the chosen, in every feature space.
        """
        classes = self._ground.training.images.meta.classes
        return {
            classes[label]: self._of_class(judged, chosen, int(label))
            for label in np.unique(judged.labels)
        }

    def _of_class(self, judged: Judged, chosen: NDArray[np.bool_], label: int) -> dict[str, Any]:
        mine = judged.labels == label
        score = judged.score[mine]
        return {
            "images": int(mine.sum()),
            "selected": int(chosen[mine].sum()),
            "passed": int((score >= PASS).sum()),
            "refused": int((score == 0).sum()),
            "failed": {
                name: int((each[mine] < PASS).sum()) for name, each in judged.scores.items()
            },
            "variety": {
                space: self._variety(space, judged, mine, chosen, label) for space in self._spaces
            },
        }

    def _variety(
        self,
        space: str,
        judged: Judged,
        mine: NDArray[np.bool_],
        chosen: NDArray[np.bool_],
        label: int,
    ) -> dict[str, float]:
        """Recall and coverage by the chosen images, and by as many that stand for all."""
        training = self._ground.training
        rows = training.features[space][training.labels == label]
        picked = judged.features[space][mine & chosen]
        every = np.flatnonzero(mine)
        # Both grow with the number of images, so that all are thinned to as many as the chosen.
        thinned = every[np.linspace(0, len(every) - 1, len(picked)).astype(int)]
        found: dict[str, float] = {}
        if len(rows) < 2 or len(picked) < 2:
            return found
        k = self._ground.options.neighbours
        for name, features in (("all", judged.features[space][thinned]), ("selected", picked)):
            recall = precision_recall(rows, features, neighbours=k)["recall"]
            coverage = density_coverage(rows, features, neighbours=k)["coverage"]
            found[f"recall_{name}"] = round(recall, _DIGITS)
            found[f"coverage_{name}"] = round(coverage, _DIGITS)
        return found


def _kind(name: str) -> type[Criterion]:
    kind: type[Criterion] = SELECTORS.load(name, "synthesize.selection.criteria")
    return kind


def _joined(parts: Mapping[str, list[NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
    return {name: np.concatenate(each) for name, each in parts.items()}
