"""Every figure beside its floor: the same measure on fresh real patients, on as many images.

A metric's `value` compares training images with synthetic ones; its floor puts images of held-out
patients in the synthetic ones' place. Both use subsets of one size, drawn alike, so that a
generator as good as fresh data would reach the floor and no metric's bias tells them apart.
Metrics of features compare with training images; a metric of pixels looks at one set alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.imageset import ImageSet

Metric = Callable[..., dict[str, float]]
PixelMetric = Callable[..., dict[str, float]]
MIN_IMAGES = 6
_SUBSET_SHARE = 0.75  # below 1 so that the draws differ, also of the smallest of the three sets


@dataclass(frozen=True)
class Measured:
    """A figure and its floor.

    Args:
        value: Mean over subsets of synthetic images.
        floor: Mean over subsets of held-out real images.
        floor_low: 5th percentile of the floor's subsets.
        floor_high: 95th percentile of the floor's subsets.
    """

    value: float
    floor: float
    floor_low: float
    floor_high: float


def subset_size(*sets: Sized) -> int:
    """How many images each subset holds, for these sets."""
    return int(_SUBSET_SHARE * min(len(each) for each in sets))


def measure(
    metrics: Sequence[Metric],
    training: NDArray[Any],
    synthetic: NDArray[Any],
    held_out: NDArray[Any],
    *,
    neighbours: int,
    repeats: int,
    rng: np.random.Generator,
) -> dict[str, Measured]:
    """Run metrics and their floors on repeated subsets of equal size.

    Args:
        metrics: Functions (reference, candidate, *, neighbours) -> named figures.
        training: Features of training images, (n, D).
        synthetic: Features of synthetic images, (m, D).
        held_out: Features of images of held-out patients, (h, D).
        neighbours: k for metrics that need it.
        repeats: Subsets drawn.
        rng: Draws the subsets.

    Returns:
        Figures by name; empty if the smallest set has too few images to say anything.
    """
    size = subset_size(training, synthetic, held_out)
    if size < MIN_IMAGES:
        return {}
    values: dict[str, list[float]] = {}
    floors: dict[str, list[float]] = {}
    for _ in range(repeats):
        reference = _draw(training, size, rng)
        fake, fresh = _draw(synthetic, size, rng), _draw(held_out, size, rng)
        for metric in metrics:
            for name, figure in metric(reference, fake, neighbours=neighbours).items():
                values.setdefault(name, []).append(figure)
            for name, figure in metric(reference, fresh, neighbours=neighbours).items():
                floors.setdefault(name, []).append(figure)
    return {name: _summary(values[name], floors[name]) for name in values}


def measure_pixels(
    metrics: Sequence[PixelMetric],
    synthetic: ImageSet,
    held_out: ImageSet,
    *,
    size: int,
    repeats: int,
    rng: np.random.Generator,
) -> dict[str, Measured]:
    """Run metrics of pixels and their floors on repeated subsets of equal size.

    Args:
        metrics: Functions (images in [-1, 1], labels, *, rng) -> named figures.
        synthetic: Synthetic images.
        held_out: Images of held-out patients.
        size: Images in a subset.
        repeats: Subsets drawn.
        rng: Draws the subsets, and what the metrics draw.

    Returns:
        Figures by name; empty if the subsets have too few images to say anything.
    """
    if size < MIN_IMAGES:
        return {}
    found: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
    sets = [(images, images.labels) for images in (synthetic, held_out)]
    for _ in range(repeats):
        for lists, (images, labels) in zip(found, sets, strict=True):
            rows = rng.choice(len(images), size, replace=False)
            pixels = images.scaled(rows)
            for metric in metrics:
                for name, figure in metric(pixels, labels[rows], rng=rng).items():
                    lists.setdefault(name, []).append(figure)
    values, floors = found
    return {name: _summary(values[name], floors[name]) for name in values if name in floors}


def _draw(features: NDArray[Any], size: int, rng: np.random.Generator) -> NDArray[Any]:
    return features[rng.choice(len(features), size, replace=False)]


def _summary(values: list[float], floors: list[float]) -> Measured:
    return Measured(
        value=float(np.mean(values)),
        floor=float(np.mean(floors)),
        floor_low=float(np.percentile(floors, 5)),
        floor_high=float(np.percentile(floors, 95)),
    )
