"""The default classical augmentation: spatial transforms in one interpolation, then intensity.

Drawing and applying are apart, so a sample can be replayed: from its parameters, or from the seed
of its generator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

from pipeline.augment.draws import Rng
from pipeline.augment.intensity import (
    IntensityParameters,
    IntensityRanges,
    apply_intensity,
    draw_intensity,
)
from pipeline.augment.interpolation import Padding
from pipeline.augment.spatial import (
    SpatialParameters,
    SpatialRanges,
    apply_spatial,
    draw_spatial,
)


class Augmented(NamedTuple):
    """A batch after augmentation, and its masks where it came with masks."""

    images: Tensor
    masks: Tensor | None = None


class Augmentation(Protocol):
    """What changes a batch of images at random, each differently."""

    def __call__(
        self,
        images: Tensor,
        *,
        rng: Rng,
        masks: Tensor | None = None,
        spacing: Tensor | None = None,
    ) -> Augmented:
        """Augment (N, C, *spatial) in [-1, 1], and (N, 1, *spatial) masks alike."""


@dataclass(frozen=True)
class ClassicalParameters:
    """What happens to each image of a batch."""

    spatial: SpatialParameters
    intensity: IntensityParameters


@dataclass(frozen=True)
class ClassicalAugmentation:
    """Draw parameters within ranges and apply them.

    Args:
        spatial: Ranges of the spatial transforms.
        intensity: Ranges of the intensity transforms.
        padding: What lies beyond the border.
    """

    spatial: SpatialRanges
    intensity: IntensityRanges
    padding: Padding = "reflection"

    def __call__(
        self,
        images: Tensor,
        *,
        rng: Rng,
        masks: Tensor | None = None,
        spacing: Tensor | None = None,
    ) -> Augmented:
        """Augment a batch.

        Args:
            images: (N, C, *spatial) in [-1, 1].
            rng: One generator for the batch (fast), or N, one an image, which makes each image
                independent of the batch.
            masks: (N, 1, *spatial), moved with the images by the nearest pixel.
            spacing: (N, D) pixel spacing, where it differs between axes; see `apply_spatial`.
        """
        parameters = self.draw(tuple(images.shape), rng=rng)
        return self.apply(images, parameters, masks=masks, spacing=spacing)

    def draw(self, shape: tuple[int, ...], *, rng: Rng) -> ClassicalParameters:
        """Draw the parameters of a batch of shape (N, C, *spatial)."""
        return ClassicalParameters(
            draw_spatial(shape[0], len(shape) - 2, self.spatial, rng=rng),
            draw_intensity(shape, self.intensity, rng=rng),
        )

    def apply(
        self,
        images: Tensor,
        parameters: ClassicalParameters,
        *,
        masks: Tensor | None = None,
        spacing: Tensor | None = None,
    ) -> Augmented:
        """Apply parameters; the deterministic twin of calling."""
        moved = apply_spatial(images, parameters.spatial, padding=self.padding, spacing=spacing)
        if masks is not None:
            floats = apply_spatial(
                masks.to(images.dtype),
                parameters.spatial,
                mode="nearest",
                padding=self.padding,
                spacing=spacing,
            )
            masks = floats.to(masks.dtype)
        return Augmented(apply_intensity(moved, parameters.intensity), masks)
