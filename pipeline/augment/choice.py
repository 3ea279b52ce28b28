"""From the section `augment` of params.yaml to the augmentation it asks for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.augment.classical import Augmentation, ClassicalAugmentation
from pipeline.augment.intensity import IntensityRanges
from pipeline.augment.spatial import SpatialRanges, check_ranges
from pipeline.config import Augment
from pipeline.errors import ParameterError


def choose(augment: Augment, spatial_dims: int) -> Augmentation:
    """Build the default augmentation, or the user's own list of MONAI transforms.

    Args:
        augment: The section of params.yaml.
        spatial_dims: 2 or 3.

    Raises:
        ParameterError: If a range does not fit the images, or a MONAI transform is unknown or
            refuses its arguments.
    """
    if augment.monai:
        from pipeline.augment.monai_list import MonaiList

        return MonaiList.build(augment.monai)
    ranges = SpatialRanges(
        rotation_degrees=augment.rotation_degrees,
        flip=_axes(augment.flip, spatial_dims),
        translation=augment.translation,
        scale=augment.scale,
        elastic=augment.elastic,
    )
    try:
        check_ranges(ranges, spatial_dims)
    except ValueError as error:
        name, _, problem = str(error).partition(": ")
        raise ParameterError(f"augment.{name}", problem) from None
    return ClassicalAugmentation(
        ranges,
        IntensityRanges(
            brightness=augment.brightness,
            contrast=augment.contrast,
            gamma=augment.gamma,
            noise=augment.noise,
            blur=augment.blur,
        ),
    )


def choose_online(
    augment: Augment, spatial_dims: int
) -> Callable[[Tensor, torch.Generator, Tensor], Tensor]:
    """Build what `choose` does as a training asks for it: a batch of images alone.

    Returns:
        A function of images (N, C, *spatial) in [-1, 1], a generator and the pixel spacing (N, D).
    """
    augmentation = choose(augment, spatial_dims)

    def transform(images: Tensor, rng: torch.Generator, spacing: Tensor) -> Tensor:
        return augmentation(images, rng=rng, spacing=spacing).images

    return transform


def _axes(flip: bool | tuple[int, ...], spatial_dims: int) -> tuple[int, ...]:
    if isinstance(flip, bool):
        return tuple(range(spatial_dims)) if flip else ()
    return flip
