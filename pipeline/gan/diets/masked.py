"""What diets with masks share: refusing sets without them, and the holes that lesions leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pipeline.errors import ParameterError
from pipeline.gan.family import TrainingOptions
from pipeline.imageset import ImageSet


def require_masks(images: ImageSet, options: TrainingOptions) -> None:
    """Refuse a set without masks, or with nothing but empty ones.

    Args:
        images: The rows that a family is to learn from.
        options: The family's, which tell its name: its file is called as it is.

    Raises:
        ParameterError: Naming the family and what to do.
    """
    family = type(options).__module__.rpartition(".")[2]
    if not images.has_masks:
        raise ParameterError(
            "train_gan.families",
            f"{family} learns from masks, which these images lack; give the source's masks in "
            f"ingest.options, or take {family} out",
        )
    if not images.masks().any():
        raise ParameterError(
            "train_gan.families",
            f"{family} learns from masks, and every mask of its training images is empty; "
            f"give masks of lesions, or take {family} out",
        )


def bounds(masks: Tensor) -> tuple[Tensor, Tensor]:
    """First and last pixel of each mask along each axis, (N, D) and (N, D).

    Args:
        masks: (N, 1, *spatial) of 0 and 1; an empty one gives the whole image.
    """
    firsts, lasts = [], []
    dims = masks.ndim - 2
    for axis in range(dims):
        others = tuple(other + 2 for other in range(dims) if other != axis)
        touched = (masks > 0).any(1, keepdim=True).float().amax(dim=others).flatten(1)
        firsts.append(touched.argmax(1))
        lasts.append(touched.shape[1] - 1 - touched.flip(1).argmax(1))
    return torch.stack(firsts, dim=1), torch.stack(lasts, dim=1)


def ball(masks: Tensor, margin: float) -> Tensor:
    """Ellipsoids around masks, where they lie inside of `box`, (N, 1, *spatial).

    Each has the proportions of its mask's box, and is as large as it must be to hold the mask.

    Args:
        masks: (N, 1, *spatial) of 0 and 1; an empty one gives an empty one.
        margin: Pixels between a mask and the border of its hole, at least.
    """
    squared = _squared_radius(masks)
    inside = (masks > 0).flatten(1)
    # The box's own ellipsoid cuts the corners of what fills the box.
    reach = torch.where(inside, squared.flatten(1), 0.0).amax(1).clamp(min=1.0)
    first, last = bounds(masks)
    half = (last - first + 1).to(squared) / 2 * reach.sqrt()[:, None]
    return (_squared_radius(masks, half + margin) <= 1.0) * box(masks, margin)


def box(masks: Tensor, margin: float) -> Tensor:
    """Boxes around masks, (N, 1, *spatial).

    Args:
        masks: (N, 1, *spatial) of 0 and 1; an empty one gives an empty one.
        margin: Pixels between a mask and the border of its box.
    """
    first, last = bounds(masks)
    holes = torch.ones_like(masks, dtype=torch.bool)
    for axis, at in enumerate(_positions(masks)):
        shape = (-1, *[1] * (masks.ndim - 1))
        low, high = first[:, axis].view(shape) - margin, last[:, axis].view(shape) + margin
        holes &= (at >= low) & (at <= high)
    filled = (masks > 0).flatten(1).any(1).view(-1, *[1] * (masks.ndim - 1))
    return (holes & filled).float()


def _squared_radius(masks: Tensor, half: Tensor | None = None) -> Tensor:
    """How far each pixel is from the middle of its mask's box, 1 on an ellipsoid's border."""
    first, last = bounds(masks)
    if half is None:
        half = (last - first + 1).float() / 2
    total = torch.zeros_like(masks, dtype=torch.float32)
    for axis, at in enumerate(_positions(masks)):
        shape = (-1, *[1] * (masks.ndim - 1))
        middle = ((first + last)[:, axis] / 2).view(shape)
        total = total + ((at - middle) / half[:, axis].view(shape)).square()
    return total


def _positions(masks: Tensor) -> list[Tensor]:
    """Each axis' pixel numbers, broadcastable to the masks."""
    found = []
    for axis, length in enumerate(masks.shape[2:], start=2):
        shape = [1] * masks.ndim
        shape[axis] = length
        found.append(torch.arange(length, device=masks.device).view(shape))
    return found


HOLES: Mapping[str, Callable[[Tensor, float], Tensor]] = {"ball": ball, "box": box}
