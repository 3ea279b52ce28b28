"""The networks of super-resolution: one puts detail onto a reduced image, the other looks for it.

In 2D and 3D, for any size; see families/srgan.py for what they minimise.

Sources: Ledig et al. 2017, arXiv:1609.04802, figure 4; sub-pixel layers: Shi et al. 2016,
arXiv:1609.05158, equation 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pipeline.gan.family import Shape
from pipeline.gan.networks.layers import CONVOLUTIONS, Pyramid, downs, spectrally_normalised, widths
from pipeline.gan.networks.resizing import enlargements, reductions, resize

_SLOPE = 0.2
_SMALL = 0.1


class Refiner(nn.Module):
    """(N, C, *reduced) and noise (N, latent, *reduced) -> (N, C, *spatial), about [-1, 1].

    Args:
        shape: Of the refined images.
        factor: How many pixels one becomes along an axis, a power of 2.
        width: Channels.
        blocks: Residual blocks at the reduced size.
        latent: Channels of noise.
    """

    def __init__(self, shape: Shape, factor: int, width: int, blocks: int, latent: int) -> None:
        super().__init__()
        convolution = CONVOLUTIONS[shape.spatial_dims]
        self.start = convolution(shape.channels + latent, width, 3, padding=1)
        self.blocks = nn.ModuleList(_Residual(convolution, width) for _ in range(blocks))
        self.end = convolution(width, width, 3, padding=1)
        self.wider = nn.ModuleList(
            convolution(width, width * 2**shape.spatial_dims, 3, padding=1)
            for _ in range(round(math.log2(factor)))
        )
        self.sharper = convolution(width, width, 3, padding=1)
        self.image = convolution(width, shape.channels, 3, padding=1)
        with torch.no_grad():
            cast("nn.Conv2d", self.image).weight.mul_(_SMALL)
        self._size = shape.size
        for axis, matrix in enumerate(enlargements(shape.size, factor)):
            self.register_buffer(f"enlarge{axis}", matrix, persistent=False)
        for axis, matrix in enumerate(reductions(shape.size, factor)):
            self.register_buffer(f"reduce{axis}", matrix, persistent=False)

    @property
    def reductions(self) -> list[Tensor]:
        """By axis the matrix that reduces an image again."""
        return [self.get_buffer(f"reduce{axis}") for axis in range(len(self._size))]

    def forward(self, low: Tensor, noise: Tensor) -> Tensor:
        """Enlarge, and add the detail that the noise calls for."""
        first = leaky_relu(self.start(torch.cat([low, noise], dim=1)), _SLOPE)
        features = first
        for block in self.blocks:
            features = block(features)
        features = first + self.end(features)
        for wider in self.wider:
            features = leaky_relu(shuffled(wider(features)), _SLOPE)
        for axis, length in enumerate(self._size, start=2):
            features = features.narrow(axis, 0, length)
        detail: Tensor = self.image(leaky_relu(self.sharper(features), _SLOPE))
        matrices = [self.get_buffer(f"enlarge{axis}") for axis in range(len(self._size))]
        return resize(low, matrices) + detail


class _Residual(nn.Module):
    """Two convolutions beside a shortcut; same shape in and out."""

    def __init__(self, convolution: Callable[..., nn.Module], width: int) -> None:
        super().__init__()
        self.first = convolution(width, width, 3, padding=1)
        self.second = convolution(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        changed: Tensor = self.second(leaky_relu(self.first(features), _SLOPE))
        return features + changed


class Detail(nn.Module):
    """What is lost of (N, C, *spatial) when it is reduced and enlarged again."""

    def __init__(self, size: tuple[int, ...], factor: int) -> None:
        super().__init__()
        pairs = zip(reductions(size, factor), enlargements(size, factor), strict=True)
        self._names = []
        for axis, (down, up) in enumerate(pairs):
            self._names.append(f"blur{axis}")
            self.register_buffer(self._names[-1], down @ up, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Subtract the blurred image."""
        return images - resize(images, [self.get_buffer(name) for name in self._names])


class Critic(nn.Module):
    """(N, C, *spatial) -> (N,) logits.

    It is shown the detail apart, as strong as the image: only there do real and refined images
    differ, by a few hundredths, and a discriminator of images alone takes long to look there.

    Args:
        shape: Of the images.
        factor: By how much detail is finer than what is given.
        width: Channels of the finest level; they double at each coarser one.
        widest: The most channels of any level.
        spectral_norm: Whether layers are divided by their largest singular value.
    """

    gain: Tensor

    def __init__(
        self, shape: Shape, factor: int, width: int, widest: int, *, spectral_norm: bool
    ) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        self.detail = Detail(shape.size, factor)
        self.register_buffer("gain", torch.tensor(1.0))
        dims, strides = shape.spatial_dims, self.pyramid.strides[::-1]
        channels = widths(len(strides), width, widest)[::-1]
        self.downs = downs(dims, [2 * shape.channels, *channels], strides)
        self.whole = nn.Linear(channels[-1] * math.prod(self.pyramid.base), 1)
        if spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor) -> Tensor:
        """Judge each image by itself and by its detail."""
        both = torch.cat([images, self.gain * self.detail(images)], dim=1)
        found = self.pyramid.pad(both)
        for step in self.downs:
            found = leaky_relu(step(found), _SLOPE)
        logits: Tensor = self.whole(found.flatten(1)).squeeze(1)
        return logits


def shuffled(features: Tensor) -> Tensor:
    """Lay groups of 2^dims channels out as blocks of 2 pixels an axis.

    Args:
        features: (N, C * 2^dims, *spatial).

    Returns:
        (N, C, *twice the spatial).

    Source: Shi et al. 2016, arXiv:1609.05158, equation 4; here for any number of axes.
    """
    dims = features.ndim - 2
    parts = features.reshape(len(features), -1, *[2] * dims, *features.shape[2:])
    order = [0, 1]
    for axis in range(dims):
        order += [2 + dims + axis, 2 + axis]
    laid = parts.permute(order)
    for axis in range(dims):
        laid = laid.flatten(2 + axis, 3 + axis)
    return laid
