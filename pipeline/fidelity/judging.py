"""A generator's images against real ones, in one fold: every metric in every group of images.

Groups are all images and each class. Every figure stands beside its floor, what images of held-out
patients reach in the synthetic images' place on as many images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.fidelity.features.extractor import Extractor
from pipeline.fidelity.floor import MIN_IMAGES, Measured, measure, measure_pixels, subset_size
from pipeline.fidelity.nearest_neighbour import share_nearer_than_held_out
from pipeline.imageset import ImageSet
from pipeline.registry import METRICS, PIXEL_METRICS

EVERY = "all"
Figures = dict[str, Measured | float]
Rng = Callable[[str], np.random.Generator]


@dataclass(frozen=True)
class Parts:
    """What is compared.

    Args:
        training: Real training rows of the fold.
        synthetic: Images of a generator that was trained on them.
        held_out: Images of held-out patients, the yardstick.
    """

    training: ImageSet
    synthetic: ImageSet
    held_out: ImageSet

    @property
    def have_masks(self) -> bool:
        """Whether all three have masks."""
        return self.training.has_masks and self.synthetic.has_masks and self.held_out.has_masks

    def groups(self) -> Iterator[tuple[str, list[NDArray[np.int64]]]]:
        """Name each group, with the positions of its rows in each part."""
        every = (self.training.labels, self.synthetic.labels, self.held_out.labels)
        yield EVERY, [np.arange(len(labels)) for labels in every]
        for index, name in enumerate(self.training.meta.classes):
            yield name, [np.flatnonzero(labels == index) for labels in every]


@dataclass(frozen=True)
class Rule:
    """How figures are taken.

    Args:
        neighbours: k for metrics that need it.
        repeats: Subsets drawn.
        yardstick: The quantile of held-out images' distances to training that counts as near.
        rng: Name of a draw -> its generator. The same subsets for every kind of feature.
    """

    neighbours: int
    repeats: int
    yardstick: float
    rng: Rng


@dataclass(frozen=True)
class Described:
    """Features of the three parts, (n, D) each."""

    training: NDArray[np.float64]
    synthetic: NDArray[np.float64]
    held_out: NDArray[np.float64]

    @classmethod
    def by(cls, extractor: Extractor, parts: Parts) -> Described:
        """Describe every part."""
        return cls(*(extractor(each) for each in (parts.training, parts.synthetic, parts.held_out)))


def judge_features(parts: Parts, features: Described, rule: Rule) -> dict[str, Figures]:
    """Measure each group in one kind of features; a group with too few images has no entry."""
    found = {}
    for group, rows in parts.groups():
        every = (features.training, features.synthetic, features.held_out)
        chosen = [part[at] for part, at in zip(every, rows, strict=True)]
        if figures := _of_features(group, chosen, rule):
            found[group] = figures
    return found


def judge_pixels(parts: Parts, rule: Rule) -> dict[str, Figures]:
    """Measure each group's pixels; a group with too few images has no entry."""
    metrics = [PIXEL_METRICS.load(name) for name in PIXEL_METRICS]
    found: dict[str, Figures] = {}
    for group, rows in parts.groups():
        figures = measure_pixels(
            metrics,
            parts.synthetic.take(rows[1]),
            parts.held_out.take(rows[2]),
            size=subset_size(*rows),
            repeats=rule.repeats,
            rng=rule.rng(f"{group} pixels"),
        )
        if figures:
            found[group] = {**figures}
    return found


def mean(folds: Sequence[Mapping[str, Measured | float]]) -> dict[str, float]:
    """Average the figures that all folds have; a floor stands beside as `<name>_floor`."""
    result: dict[str, float] = {}
    shared = [name for name in (folds[0] if folds else ()) if all(name in fold for fold in folds)]
    for name in shared:
        figures: list[Any] = [fold[name] for fold in folds]
        if isinstance(figures[0], Measured):
            result[name] = float(np.mean([figure.value for figure in figures]))
            result[f"{name}_floor"] = float(np.mean([figure.floor for figure in figures]))
        else:
            result[name] = float(np.mean(figures))
    return result


def _of_features(group: str, chosen: Sequence[NDArray[Any]], rule: Rule) -> Figures:
    training, synthetic, held_out = chosen
    measured = measure(
        [METRICS.load(name) for name in METRICS],
        training,
        synthetic,
        held_out,
        neighbours=rule.neighbours,
        repeats=rule.repeats,
        rng=rule.rng(group),
    )
    if not measured:
        return {}
    near = 0.0
    if len(held_out) >= MIN_IMAGES:
        near = share_nearer_than_held_out(training, synthetic, held_out, share=rule.yardstick)
    return {
        "images": subset_size(training, synthetic, held_out),
        "share_near_training": near,
        **measured,
    }
