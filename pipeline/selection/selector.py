"""Score a fold's synthetic images and choose among them.

An image is as good as its worst criterion, so `selection_score` is the least of them: 0 is
refused, one half passes everything, 1 is beyond reproach. All is fitted on training rows;
validation rows choose the checkpoint of the network that looks at the images, and do nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.compute import Machine, Report
from pipeline.config import Augment, Selection
from pipeline.errors import DataError
from pipeline.fidelity.features.fold_embedding import FoldEmbedding
from pipeline.fidelity.features.texture import Texture
from pipeline.imageset import ImageSet
from pipeline.registry import SELECTORS
from pipeline.selection.criterion import EMBEDDING, Criterion, Embed, Ground, Seen
from pipeline.selection.quota import choose
from pipeline.selection.summary import Judged

_SPREAD = "texture"


def learn(
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
) -> Ground:
    """Fit what criteria look through: the fold's network, and texture.

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
        DataError: If there are too few training rows to know their like by.
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
    spaces: dict[str, Embed] = {
        EMBEDDING: network.of_pixels,
        "texture": Texture.fit(training).of_pixels,
    }
    return Ground(
        Seen.through(spaces, training.scaled(), training.labels),
        groups,
        spaces,
        network.classified,
        training.meta.classes,
        options,
    )


class Selector:
    """Judges and chooses images by a fold's training rows.

    Args:
        ground: The rows, and what was fitted on them.
        criteria: Fitted criteria by name.
    """

    def __init__(self, ground: Ground, criteria: Mapping[str, Criterion]) -> None:
        self._ground = ground
        self._criteria = criteria

    @classmethod
    def fit(cls, ground: Ground) -> Self:
        """Fit the criteria that `synthesize.selection` names."""
        kinds = {name: _kind(name) for name in ground.options.criteria}
        return cls(ground, {name: kind.fit(ground) for name, kind in kinds.items()})

    def judge(self, images: ImageSet, advance: Callable[[int], None]) -> Judged:
        """Score images by every criterion.

        Args:
            images: Synthetic images with their requested labels.
            advance: Called with 1 after each image.
        """
        scores: dict[str, list[NDArray[np.float64]]] = {name: [] for name in self._criteria}
        features: dict[str, list[NDArray[np.float64]]] = {}
        labels = images.labels
        for row in range(len(images)):
            # One at a time: the last digits of a network's output depend on the batch's size.
            seen = Seen.through(self._ground.spaces, images.scaled([row]), labels[[row]])
            for name, criterion in self._criteria.items():
                scores[name].append(criterion(seen))
            for name, found in seen.features.items():
                features.setdefault(name, []).append(found)
            advance(1)
        return Judged(_joined(scores), _joined(features), labels)

    def choose(self, judged: Judged) -> NDArray[np.bool_]:
        """Choose `keep` of the images of each class, (n,)."""
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


def _kind(name: str) -> type[Criterion]:
    kind: type[Criterion] = SELECTORS.load(name, "synthesize.selection.criteria")
    return kind


def _joined(parts: Mapping[str, list[NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
    return {name: np.concatenate(each) for name, each in parts.items()}
