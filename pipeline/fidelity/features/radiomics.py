"""A radiomics-like set, for which nothing is trained: what radiologists' software measures.

For each channel: first-order statistics, grey-level co-occurrence at one and two pixels, run
lengths, and local binary patterns, all over the whole image (`lesion` looks inside the mask). In
2D and 3D. Standardised by the training rows' mean and spread, so that the metric `frechet` of these
features is the square of the Fréchet radiomics distance's argument: FRD = log(d) there is half the
logarithm of `frechet`.

Source: Konz et al. 2024, arXiv:2412.01496, section 3 and equation 3 (there with wavelet and
Laplacian-of-Gaussian filters in addition, whose supports are larger than most lesions' crops).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.compute import Machine, Report
from pipeline.config import Augment, Count, Section
from pipeline.fidelity.descriptors.binary_patterns import binary_patterns
from pipeline.fidelity.descriptors.cooccurrence import cooccurrence
from pipeline.fidelity.descriptors.first_order import first_order
from pipeline.fidelity.descriptors.levels import discretise
from pipeline.fidelity.descriptors.run_length import run_length
from pipeline.fidelity.features.standardised import Standard
from pipeline.imageset import ImageSet

_BATCH = 256


class RadiomicsOptions(Section):
    """What can be chosen.

    Args:
        bins: Grey levels over the window, of all that counts levels.
        distances: Pixels between the two pixels of a pair, of co-occurrence.
    """

    bins: Annotated[int, Field(ge=2, le=256)] = 32
    distances: tuple[Count, ...] = (1, 2)


class Radiomics:
    """The features of images, standardised by a fold's training rows.

    Args:
        options: What is measured.
        standard: Of the training rows.
    """

    Options = RadiomicsOptions
    needs_masks: ClassVar[bool] = False

    def __init__(self, options: RadiomicsOptions, standard: Standard) -> None:
        self._options = options
        self._standard = standard

    @classmethod
    def fit(
        cls,
        training: ImageSet,
        validation: ImageSet | None = None,
        *,
        options: RadiomicsOptions | None = None,
        steps: int = 0,
        seed: int = 0,
        machine: Machine | None = None,
        augment: Augment | None = None,
        report: Report | None = None,
    ) -> Self:
        """Measure mean and spread of real training rows; the rest is not used."""
        del validation, steps, seed, machine, augment, report
        options = options or RadiomicsOptions()
        return cls(options, Standard.of(_measured(training, options)[1]))

    def __call__(self, images: ImageSet) -> NDArray[np.float64]:
        """Describe N images, (N, D)."""
        return self._standard(_measured(images, self._options)[1])


def named(
    images: ImageSet, options: RadiomicsOptions | None = None
) -> dict[str, NDArray[np.float64]]:
    """Measure features as they are, not standardised, by name, (N,) each."""
    names, features = _measured(images, options or RadiomicsOptions())
    return dict(zip(names, features.T, strict=True))


def _measured(
    images: ImageSet, options: RadiomicsOptions
) -> tuple[Sequence[str], NDArray[np.float64]]:
    """Names (D,) and features (N, D)."""
    parts: list[dict[str, NDArray[Any]]] = []
    for start in range(0, len(images), _BATCH):
        pixels = images.scaled(slice(start, start + _BATCH))
        found: dict[str, NDArray[Any]] = {}
        for channel, name in enumerate(images.meta.channels):
            for kind, figures in _of_channel(pixels[:, channel], options).items():
                found |= {f"{name}_{kind}_{key}": values for key, values in figures.items()}
        parts.append(found)
    names = list(parts[0])
    return names, np.concatenate([np.stack([part[name] for name in names], 1) for part in parts])


def _of_channel(
    pixels: NDArray[np.float32], options: RadiomicsOptions
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """(N, *spatial) -> figures by kind and name."""
    levels = discretise(pixels, options.bins)
    found = {"firstorder": first_order(pixels.reshape(len(pixels), -1), bins=options.bins)}
    for distance in options.distances:
        if distance < min(pixels.shape[1:]):
            found[f"glcm{distance}"] = cooccurrence(levels, bins=options.bins, distance=distance)
    found["glrlm"] = run_length(levels, bins=options.bins)
    if min(pixels.shape[1:]) >= 3:
        found["lbp"] = binary_patterns(pixels)
    return found
