"""Blur, gamma, contrast, brightness and noise, a value of each for every image, 2D and 3D.

In this order, as a scanner would have it: resolution first, the reader's window next, noise last.
`draw_intensity` draws, `apply_intensity` applies. Images are in [-1, 1] and stay there.
Contrast and brightness work about the window's centre, so they are a change of window width and
level and do not depend on what is in the image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.augment.draws import Rng, normal, uniform
from pipeline.augment.precision import precise_dtype

_TRUNCATED = 4.0  # standard deviations of the Gaussian that are kept, as in MONAI and SciPy


@dataclass(frozen=True)
class IntensityRanges:
    """How far each parameter may go; zeros draw nothing.

    Args:
        brightness: Greatest shift, in units of model input, which spans 2.
        contrast: The factor is between 1 - contrast and 1 + contrast.
        gamma: The exponent is log-uniform between 1 / (1 + gamma) and 1 + gamma.
        noise: Greatest standard deviation of white Gaussian noise, in units of model input.
        blur: Greatest standard deviation of the Gaussian filter, in pixels.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    noise: float = 0.0
    blur: float = 0.0


@dataclass(frozen=True)
class IntensityParameters:
    """What happens to each image of a batch.

    Args:
        brightness: (N,) added.
        contrast: (N,) factors.
        gamma: (N,) exponents on intensities mapped to [0, 1].
        blur: (N,) standard deviations in pixels.
        noise: (N, C, *spatial) added last, or None.
    """

    brightness: Tensor
    contrast: Tensor
    gamma: Tensor
    blur: Tensor
    noise: Tensor | None = None


def draw_intensity(
    shape: tuple[int, ...], ranges: IntensityRanges, *, rng: Rng
) -> IntensityParameters:
    """Draw the parameters of a batch.

    Args:
        shape: (N, C, *spatial) of the batch.
        ranges: How far to go.
        rng: One generator, or N, one an image.
    """
    n = shape[0]
    drawn = uniform(rng, n, (5,))
    signed = 2 * drawn - 1
    noise = None
    if ranges.noise > 0:
        deviation = (drawn[:, 4] * ranges.noise).view(-1, *([1] * (len(shape) - 1)))
        noise = normal(rng, n, shape[1:]) * deviation
    return IntensityParameters(
        brightness=signed[:, 0] * ranges.brightness,
        contrast=1 + signed[:, 1] * ranges.contrast,
        gamma=torch.exp(signed[:, 2] * math.log1p(ranges.gamma)),
        blur=drawn[:, 3] * ranges.blur,
        noise=noise,
    )


def apply_intensity(images: Tensor, parameters: IntensityParameters) -> Tensor:
    """Apply parameters to a batch.

    Args:
        images: (N, C, *spatial) in [-1, 1].
        parameters: Of N images.

    Returns:
        The same shape, in [-1, 1]; the images themselves where nothing changes.
    """
    column = (-1, *([1] * (images.ndim - 1)))
    changed = blurred(images, parameters.blur)
    if bool((parameters.gamma != 1).any()):
        unit = (changed.clamp(-1, 1) + 1) * 0.5
        # The difference is added, so that an exponent of one leaves an image untouched.
        changed = changed + 2 * (unit ** parameters.gamma.to(images).view(column) - unit)
    if bool((parameters.contrast != 1).any()):
        changed = changed * parameters.contrast.to(images).view(column)
    if bool((parameters.brightness != 0).any()):
        changed = changed + parameters.brightness.to(images).view(column)
    if parameters.noise is not None:
        changed = changed + parameters.noise.to(images)
    return images if changed is images else changed.clamp(-1, 1)


def blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Filter each image with its own Gaussian, the border value repeated outside.

    Args:
        images: (N, C, *spatial).
        sigma: (N,) standard deviations in pixels; 0 leaves an image untouched.
    """
    weights = _gaussian_weights(sigma)
    if weights.shape[1] == 1:
        return images
    for axis in range(2, images.ndim):
        images = _filtered(images, weights.to(images), axis)
    return images


def _filtered(images: Tensor, weights: Tensor, axis: int) -> Tensor:
    """Sum shifted images; a grouped convolution rounds differently at another batch size."""
    radius = weights.shape[1] - 1
    length = images.shape[axis]
    pads = [0, 0] * (images.ndim - 2)
    pads[2 * (images.ndim - 1 - axis)] = pads[2 * (images.ndim - 1 - axis) + 1] = radius
    padded = functional.pad(images, pads, mode="replicate")
    column = (-1, *([1] * (images.ndim - 1)))
    total = images * weights[:, 0].view(column)
    for step in range(1, radius + 1):
        pair = padded.narrow(axis, radius - step, length) + padded.narrow(
            axis, radius + step, length
        )
        total = total + pair * weights[:, step].view(column)
    return total


def _gaussian_weights(sigma: Tensor) -> Tensor:
    """One side (N, 1 + radius) of each kernel: the Gaussian integrated over each pixel.

    Each is cut where its own deviation says and sums to one, so that neither the batch's widest
    kernel nor the cut changes an image's mean.
    """
    wide = sigma.to(precise_dtype(sigma))
    tails = (torch.clamp(wide * _TRUNCATED, min=0.5) + 0.5).floor()
    tails = torch.where(wide > 0, tails, torch.zeros_like(tails))
    radius = int(tails.max()) if len(sigma) else 0
    at = torch.arange(radius + 1, dtype=wide.dtype, device=sigma.device)
    narrow = math.sqrt(0.5) / wide.clamp(min=1e-6)[:, None]
    weights = 0.5 * (torch.erf(narrow * (at + 0.5)) - torch.erf(narrow * (at - 0.5)))
    weights = weights * (at <= tails[:, None])
    return weights / (weights[:, :1] + 2 * weights[:, 1:].sum(1, keepdim=True))
