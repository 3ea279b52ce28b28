"""The radiomics of what the mask outlines: its shape, and how intensities are distributed inside.

For sets that have masks; families that make none are not judged by it. A shape's lengths are in
millimetres where spacings are known. An empty mask has 0 everywhere, so that a generator that
outlines nothing shows. Standardised by the training rows, as `radiomics` is.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.compute import Machine, Report
from pipeline.config import Augment, Section
from pipeline.fidelity.descriptors.first_order import first_order
from pipeline.fidelity.descriptors.shape import shape
from pipeline.fidelity.features.standardised import Standard
from pipeline.imageset import ImageSet

_BATCH = 256


class LesionOptions(Section):
    """What can be chosen.

    Args:
        bins: Grey levels over the window, of entropy and uniformity.
    """

    bins: Annotated[int, Field(ge=2, le=256)] = 32


class Lesion:
    """The features of masks and what is inside, standardised by a fold's training rows.

    Args:
        options: What is measured.
        standard: Of the training rows.
    """

    Options = LesionOptions
    needs_masks: ClassVar[bool] = True

    def __init__(self, options: LesionOptions, standard: Standard) -> None:
        self._options = options
        self._standard = standard

    @classmethod
    def fit(
        cls,
        training: ImageSet,
        validation: ImageSet | None = None,
        *,
        options: LesionOptions | None = None,
        steps: int = 0,
        seed: int = 0,
        machine: Machine | None = None,
        augment: Augment | None = None,
        report: Report | None = None,
    ) -> Self:
        """Measure mean and spread of real training rows; the rest is not used.

        Raises:
            DataError: If the set has no masks.
        """
        del validation, steps, seed, machine, augment, report
        options = options or LesionOptions()
        return cls(options, Standard.of(_measured(training, options.bins)))

    def __call__(self, images: ImageSet) -> NDArray[np.float64]:
        """Describe N images, (N, D).

        Raises:
            DataError: If the set has no masks.
        """
        return self._standard(_measured(images, self._options.bins))


def _measured(images: ImageSet, bins: int) -> NDArray[np.float64]:
    spacing = images.spacing
    rows = []
    for start in range(0, len(images), _BATCH):
        block = slice(start, start + _BATCH)
        parts = (images.scaled(block), images.masks(block)[:, 0] > 0, spacing[block])
        rows += [_described(*each, bins) for each in zip(*parts, strict=True)]
    return np.asarray(rows, np.float64)


def _described(
    pixels: NDArray[Any], inside: NDArray[np.bool_], spacing: NDArray[Any], bins: int
) -> list[float]:
    """The figures of one image, (C, *spatial), and its mask."""
    found = list(shape(inside, spacing).values())
    seen = pixels[:, inside] if inside.any() else np.zeros((len(pixels), 1))
    inner = first_order(seen, bins=bins).values()
    return found + [float(value) * inside.any() for values in inner for value in values]
