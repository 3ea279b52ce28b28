"""DiffAugment: what a discriminator sees of real and generated images alike.

Policies by name, drawn for each image, differentiable with respect to images, 2D and 3D. To add
one: a function (images, rng, probability) -> images below, and its name in `POLICIES`.

Source: Zhao et al. 2020, arXiv:2006.10738, section 4; strengths as in the paper's code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Generator, Tensor

Policy = Callable[[Tensor, Generator, float], Tensor]

_SHIFT = 0.125  # greatest translation, share of an axis
_HOLE = 0.5  # side of the cut-out box, share of an axis


def augment(
    images: Tensor, policies: Sequence[str], *, rng: Generator, probability: float = 1.0
) -> Tensor:
    """Apply policies in order, each image drawing its own parameters.

    Args:
        images: (N, C, *spatial) in [-1, 1], 2 or 3 spatial axes.
        policies: Names out of `POLICIES`; none returns the images as they are.
        rng: Draws the parameters, on the images' device or on the CPU.
        probability: How likely each policy is to touch an image, for adaptive strength.

    Raises:
        ValueError: If a name is unknown.
    """
    for name in policies:
        if name not in POLICIES:
            raise ValueError(f"no policy {name!r}; there are {', '.join(sorted(POLICIES))}")
        images = POLICIES[name](images, rng, probability)
    return images


def brightness(images: Tensor, rng: Generator, probability: float = 1.0) -> Tensor:
    """Add a number from [-0.5, 0.5)."""
    shift = _uniform(images, rng) - 0.5
    return images + _gated(shift, 0.0, rng, probability)


def saturation(images: Tensor, rng: Generator, probability: float = 1.0) -> Tensor:
    """Stretch channels about their mean by a factor from [0, 2); nothing on one channel."""
    factor = _gated(2 * _uniform(images, rng), 1.0, rng, probability)
    if images.shape[1] == 1:
        return images
    mean = images.mean(1, keepdim=True)
    return (images - mean) * factor + mean


def contrast(images: Tensor, rng: Generator, probability: float = 1.0) -> Tensor:
    """Stretch an image about its mean by a factor from [0.5, 1.5)."""
    factor = _gated(_uniform(images, rng) + 0.5, 1.0, rng, probability)
    mean = images.flatten(1).mean(1).view(factor.shape)
    return (images - mean) * factor + mean


def flip(images: Tensor, rng: Generator, probability: float = 1.0) -> Tensor:
    """Flip each spatial axis with probability one half."""
    rows = []
    for axis, length in enumerate(images.shape[2:]):
        coin = (_uniform(images, rng) < 0.5).to(torch.int64)
        flipped = _gated(coin, 0, rng, probability).view(-1, 1)
        at = torch.arange(length, device=images.device)
        rows.append(_along(axis, torch.where(flipped > 0, length - 1 - at, at), images))
    return _read(images, rows)


def translation(images: Tensor, rng: Generator, probability: float = 1.0) -> Tensor:
    """Shift along each axis by whole pixels up to an eighth of it; zeros move in."""
    rows, inside = [], torch.ones((), dtype=torch.bool, device=images.device)
    for axis, length in enumerate(images.shape[2:]):
        reach = int(length * _SHIFT + 0.5)
        drawn = torch.floor(_uniform(images, rng) * (2 * reach + 1)).to(torch.int64) - reach
        shift = _gated(drawn, 0, rng, probability).view(-1, 1)
        at = torch.arange(length, device=images.device) - shift
        inside = inside & _along(axis, (at >= 0) & (at < length), images)
        rows.append(_along(axis, at.clamp(0, length - 1), images))
    return _read(images, rows) * inside


def cutout(images: Tensor, rng: Generator, probability: float = 1.0) -> Tensor:
    """Set to zero a box of half of each axis, its centre anywhere."""
    column = (-1, *([1] * (images.ndim - 1)))
    hole = _gated(torch.ones(len(images), device=images.device).view(column), 0.0, rng, probability)
    for axis in range(2, images.ndim):
        length = images.shape[axis]
        side = int(length * _HOLE + 0.5)
        centre = torch.floor(_uniform(images, rng) * (length + 1 - side % 2))
        shape = [1] * images.ndim
        shape[axis] = length
        at = torch.arange(length, device=images.device, dtype=images.dtype).view(shape)
        start = centre - side // 2
        hole = hole * ((at >= start) & (at < start + side))
    return images * (1 - hole)


POLICIES: Mapping[str, Policy] = {
    "brightness": brightness,
    "saturation": saturation,
    "contrast": contrast,
    "translation": translation,
    "cutout": cutout,
    "flip": flip,
}


def _uniform(images: Tensor, rng: Generator) -> Tensor:
    """One number from [0, 1) an image, broadcastable to the images."""
    shape = (len(images), *([1] * (images.ndim - 1)))
    return torch.rand(shape, generator=rng, device=rng.device).to(images)


def _gated(drawn: Tensor, neutral: float, rng: Generator, probability: float) -> Tensor:
    """Put the neutral value where a policy does not touch an image."""
    if probability >= 1:
        return drawn
    coin = torch.rand(drawn.shape, generator=rng, device=rng.device).to(drawn.device)
    return torch.where(coin < probability, drawn, torch.full_like(drawn, neutral))


def _along(axis: int, values: Tensor, images: Tensor) -> Tensor:
    """Shape (N, length) values of a spatial axis to broadcast with the images."""
    shape = [len(values), *([1] * (images.ndim - 1))]
    shape[axis + 2] = values.shape[1]
    return values.view(shape)


def _read(images: Tensor, rows: Sequence[Tensor]) -> Tensor:
    """Read each image at its own whole positions along each axis, by one gather."""
    index = rows[0]
    for length, row in zip(images.shape[3:], rows[1:], strict=True):
        index = index * length + row
    flat = images.flatten(2)
    return torch.gather(flat, 2, index.flatten(2).expand_as(flat)).view_as(images)
