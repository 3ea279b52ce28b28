"""What the families' networks share: convolutions in 2D and 3D, and any image size.

A network halves or doubles each axis a whole number of times. `Pyramid` plans this for any size:
an axis that does not divide is padded by reflection before the discriminator's first layer, and
what the generator makes too much of is cropped. An axis shorter than the others keeps its length
at the finest levels, so that thin volumes work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad
from torch.nn.utils import parametrize

from pipeline.errors import ParameterError

CONVOLUTIONS: Mapping[int, Callable[..., nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: Mapping[int, Callable[..., nn.Module]] = {
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}
LINEAR: Mapping[int, str] = {2: "bilinear", 3: "trilinear"}
BATCH_NORMS: Mapping[int, Callable[..., nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
SMALLEST_AXIS = 8
_BASE = 4
_KERNELS = {1: 3, 2: 4}
_FAINT = 0.1
_SLOPE = 0.2


@dataclass(frozen=True)
class Pyramid:
    """How a network steps between a coarse grid and images of one size.

    Args:
        size: *spatial of the images.
        base: *spatial of the coarsest grid.
        strides: Factors by axis of each level, from coarse to fine.
    """

    size: tuple[int, ...]
    base: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, size: Sequence[int]) -> Pyramid:
        """Plan the levels for a size, down to about four pixels along the longest axis.

        Raises:
            ParameterError: If an axis is too short.
        """
        if min(size) < SMALLEST_AXIS:
            raise ParameterError(
                "ingest.size",
                f"got {list(size)}; a GAN needs at least {SMALLEST_AXIS} pixels along each axis",
            )
        halvings = [max(1, round(math.log2(axis / _BASE))) for axis in size]
        levels = max(halvings)
        strides = tuple(
            tuple(2 if level < count else 1 for count in halvings) for level in range(levels)
        )
        base = tuple(-(-axis // 2**count) for axis, count in zip(size, halvings, strict=True))
        return cls(tuple(size), base, strides)

    @property
    def grids(self) -> list[tuple[int, ...]]:
        """*spatial of every level, from `base` to `padded`."""
        found = [self.base]
        for stride in self.strides:
            found.append(tuple(a * step for a, step in zip(found[-1], stride, strict=True)))
        return found

    @property
    def padded(self) -> tuple[int, ...]:
        """*spatial that the levels really make, at least `size`."""
        factors = [math.prod(axis) for axis in zip(*self.strides, strict=True)]
        return tuple(axis * factor for axis, factor in zip(self.base, factors, strict=True))

    def pad(self, images: Tensor) -> Tensor:
        """Grow (N, C, *size) to (N, C, *padded) by reflection, the odd pixel at the end."""
        if self.padded == self.size:
            return images
        amounts: list[int] = []
        for have, want in zip(reversed(self.size), reversed(self.padded), strict=True):
            amounts += [(want - have) // 2, want - have - (want - have) // 2]
        return pad(images, amounts, mode="reflect")

    def crop(self, images: Tensor) -> Tensor:
        """Cut (N, C, *padded) to (N, C, *size): the inverse of `pad`."""
        if self.padded == self.size:
            return images
        for axis, (have, want) in enumerate(zip(self.padded, self.size, strict=True)):
            images = images.narrow(axis + 2, (have - want) // 2, want)
        return images


def down(spatial_dims: int, before: int, after: int, stride: Sequence[int]) -> nn.Module:
    """A convolution that divides each axis by its stride, 2 or 1.

    Its weights start at the size that keeps the features' through a LeakyReLU. At PyTorch's, each
    level shrinks them, and a discriminator spends its first hundreds of steps at a coin's toss.

    Source: He et al. 2015, arXiv:1502.01852, equation 15.
    """
    kernel = tuple(_KERNELS[step] for step in stride)
    layer = CONVOLUTIONS[spatial_dims](before, after, kernel, tuple(stride), 1)
    nn.init.kaiming_normal_(cast("Tensor", layer.weight), a=_SLOPE)
    nn.init.zeros_(cast("Tensor", layer.bias))
    return layer


def up(spatial_dims: int, before: int, after: int, stride: Sequence[int]) -> nn.Sequential:
    """A convolution, then its features enlarged linearly along each axis by its stride, 2 or 1.

    What is enlarged smoothly cannot show the grid that a transposed convolution leaves where
    training is short, and the convolution costs least on the coarse side.

    Source: Odena et al. 2016, doi:10.23915/distill.00003 (enlarging apart from convolving).
    """
    return nn.Sequential(CONVOLUTIONS[spatial_dims](before, after, 3, 1, 1), Enlarge(stride))


def transposed(spatial_dims: int, before: int, after: int, stride: Sequence[int]) -> nn.Module:
    """A transposed convolution that multiplies each axis by its stride, 2 or 1."""
    kernel = tuple(_KERNELS[step] for step in stride)
    return TRANSPOSED[spatial_dims](before, after, kernel, tuple(stride), 1)


class Enlarge(nn.Module):
    """(N, C, *spatial) -> each axis enlarged linearly by its stride."""

    def __init__(self, stride: Sequence[int]) -> None:
        super().__init__()
        self._factors = tuple(map(float, stride))
        self._mode = LINEAR[len(self._factors)]

    def forward(self, features: Tensor) -> Tensor:
        """Enlarge."""
        return interpolate(features, scale_factor=self._factors, mode=self._mode)


class Grain(nn.Module):
    """Adds a map of noise to features, as strongly as an image is told, each channel for itself.

    Scans of one set differ in their noise; a grain that is equally strong in all images could be of
    one kind only.

    Args:
        channels: Of the features.
        told: Numbers that the strengths depend on.

    Source: Karras et al. 2019, arXiv:1812.04948, section 3.2, where all images share the strengths.
    """

    def __init__(self, channels: int, told: int) -> None:
        super().__init__()
        self.strength = nn.Linear(told, channels)
        nn.init.zeros_(self.strength.weight)
        nn.init.constant_(self.strength.bias, _FAINT)

    def forward(self, features: Tensor, noise: Tensor, told: Tensor) -> Tensor:
        """Add (N, *spatial) in a row each to (N, channels, *spatial), told (N, told)."""
        ones = [1] * (features.ndim - 2)
        strength = self.strength(told).reshape(*features.shape[:2], *ones)
        added: Tensor = features + strength * noise.reshape(-1, 1, *features.shape[2:])
        return added


def downs(
    spatial_dims: int, channels: Sequence[int], strides: Sequence[Sequence[int]]
) -> nn.ModuleList:
    """A `down` for each stride, from each number of channels to the next."""
    steps = zip(pairwise(channels), strides, strict=True)
    return nn.ModuleList(down(spatial_dims, *pair, stride) for pair, stride in steps)


def widths(levels: int, finest: int, most: int) -> list[int]:
    """Channels of each level from coarse to fine: twice as many at each coarser one, to a most."""
    return [min(most, finest * 2**above) for above in reversed(range(levels))]


def spectrally_normalised(network: nn.Module) -> None:
    """Divide the weights of all convolutions and linear layers by their largest singular value.

    In place; each step of a training moves the estimate of it by one power iteration.

    Source: Miyato et al. 2018, arXiv:1802.05957, algorithm 1.
    """
    for layer in list(network.modules()):
        if isinstance(layer, nn.modules.conv._ConvNd | nn.Linear):
            nn.utils.parametrizations.spectral_norm(layer)


def equalised(network: nn.Module, gain: float = math.sqrt(2.0)) -> None:
    """Keep the weights of all convolutions and linear layers at unit size; scale them in use.

    In place; weights are drawn anew and biases put to zero. Adam's steps are as large whatever a
    weight's size, so that now all layers learn equally fast.

    Args:
        network: With layers that nothing has been done to.
        gain: Of the mean square from input to output; the root of two makes up for a ReLU.

    Source: Karras et al. 2018, arXiv:1710.10196, section 4.1.
    """
    for layer in list(network.modules()):
        if isinstance(layer, nn.modules.conv._ConvNd | nn.Linear):
            met = layer.weight[0].numel()
            if isinstance(layer, nn.modules.conv._ConvTransposeNd):
                # Every output pixel meets only its share of a growing kernel.
                met = layer.weight[:, 0].numel() // math.prod(layer.stride)
            nn.init.normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            parametrize.register_parametrization(layer, "weight", _Scaled(gain / math.sqrt(met)))


class _Scaled(nn.Module):
    """A weight times a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self._factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        return self._factor * weight


def with_spread(features: Tensor, size: int) -> Tensor:
    """Append a channel that tells how far the images of a minibatch differ.

    It is the root of their features' mean variance; the mean of roots, as in the paper, has no
    bounded second derivative where a feature is dead, which R1 needs.

    Args:
        features: (k N, C, *spatial), k minibatches below one another; spatial may be empty.
        size: N.

    Returns:
        (k N, C + 1, *spatial).

    Source: Karras et al. 2018, arXiv:1710.10196, section 3.
    """
    parts = features.reshape(-1, size, *features.shape[1:])
    variance = parts.var(1, correction=0).flatten(1).mean(1)
    spread = (variance + 1e-8).sqrt().repeat_interleave(size)
    column = spread.reshape(-1, *[1] * (features.ndim - 1))
    return torch.cat([features, column.expand(-1, 1, *features.shape[2:])], dim=1)
