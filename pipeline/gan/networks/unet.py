"""A U-Net that is told a latent and a class, and what judges image and mask together.

What the families share that turn something seen (a mask, a scan with a hole) into a scan.

Sources: U-Net: Ronneberger et al. 2015, arXiv:1505.04597; as a generator: Isola et al. 2017,
arXiv:1611.07004, section 3.2.1; scale and shift by a latent: Karras et al. 2019,
arXiv:1812.04948, section 2; projection: Miyato and Koyama 2018, arXiv:1802.05637.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from pipeline.config import Count
from pipeline.gan import latents
from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.family import Shape
from pipeline.gan.networks.bodies import ToldNorm
from pipeline.gan.networks.layers import (
    CONVOLUTIONS,
    LINEAR,
    Pyramid,
    downs,
    spectrally_normalised,
    widths,
)

_SLOPE = 0.2


class UNetOptions(AdversarialOptions):
    """How large the networks are.

    Attributes:
        ngf: Channels of the generator's finest level; they double at each coarser one.
        ndf: The same of the discriminator.
        widest: The most channels of any level.
        latent: Numbers that decide what an image looks like as a whole.
        noise: Maps of noise, as large as the image, that its texture is made from; 0 for none.
        embedding: Numbers that a class is told by.
    """

    ngf: Count = 12
    ndf: Count = 32
    widest: Count = 128
    latent: Count = 64
    noise: Annotated[int, Field(ge=0)] = 2
    embedding: Count = 16


class UNet(nn.Module):
    """What is seen, a latent and a class -> images and whatever else is asked for.

    Every level adds its own image to the enlarged one of the level before, so that shapes are
    there within the first hundred steps.

    Args:
        shape: Of the images; what is seen has the same `size`.
        seen: Channels of what is seen.
        made: Channels of the output.
        options: Sizes of the networks.
    """

    def __init__(self, shape: Shape, seen: int, made: int, options: UNetOptions) -> None:
        super().__init__()
        self._latent = options.latent
        self._noise = options.noise
        self._size = shape.size
        self._made = made
        self._enlarge = LINEAR[shape.spatial_dims]
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides
        conv = CONVOLUTIONS[dims]
        channels = widths(len(strides) + 1, options.ngf, options.widest)
        told = options.latent + options.embedding
        self.embedding = nn.Embedding(shape.classes, options.embedding)
        # Noise comes in as far as it is of use (Karras et al. 2019, section 3.2).
        strength = nn.Parameter(torch.zeros(options.noise, *[1] * dims))
        self.strength = strength if options.noise else None
        self.stem = conv(seen + options.noise, channels[-1], 3, 1, 1)
        self.downs = downs(dims, channels[::-1], strides[::-1])
        self.start = nn.Linear(told, channels[0] * math.prod(self.pyramid.base))
        # From the second level on, features come with those that the way down left there.
        merged = [channels[0], *(2 * width for width in channels[1:])]
        # Convolved, then enlarged: transposed convolutions leave a grid (Odena et al. 2016).
        self.ups = nn.ModuleList(
            conv(*pair, 3, 1, 1) for pair in zip(merged, channels[1:], strict=False)
        )
        self.norms = nn.ModuleList(ToldNorm(width, told) for width in merged)
        self.images = nn.ModuleList(conv(width, made, 3, 1, 1) for width in merged)

    @property
    def length(self) -> int:
        """Numbers that an image is drawn from: those of the whole and those of the texture."""
        return self._latent + self._noise * math.prod(self._size)

    def forward(self, seen: Tensor, labels: Tensor, drawn: Tensor) -> Tensor:
        """Make (N, made, *size), unbounded.

        Args:
            seen: (N, seen, *size).
            labels: (N,) class indices.
            drawn: (N, length).
        """
        whole, texture = drawn[:, : self._latent], drawn[:, self._latent :]
        told = torch.cat([whole, self.embedding(labels)], dim=1)
        if self.strength is not None:
            maps = self.strength * texture.reshape(len(drawn), self._noise, *self._size)
            seen = torch.cat([seen, maps], dim=1)
        found = [leaky_relu(self.stem(self.pyramid.pad(seen)), _SLOPE)]
        for step in self.downs:
            found.append(leaky_relu(step(found[-1]), _SLOPE))
        features = found.pop() + self.start(told).unflatten(1, (-1, *self.pyramid.base))
        features = leaky_relu(self.norms[0](features, told), _SLOPE)
        total: Tensor = self.images[0](features)
        for level, stride in enumerate(self.pyramid.strides):
            factors = tuple(map(float, stride))
            both = torch.cat([self.ups[level](features), total], dim=1)
            both = interpolate(both, scale_factor=factors, mode=self._enlarge)
            features, total = both[:, : -self._made], both[:, -self._made :]
            features = torch.cat([features, found.pop()], dim=1)
            features = leaky_relu(self.norms[level + 1](features, told), _SLOPE)
            total = total + self.images[level + 1](features)
        return self.pyramid.crop(total)


class Judging(nn.Module):
    """Levels of a discriminator, and its logits of patches, of the whole, or of both.

    The class is told by projection, on the whole.

    Args:
        channels: Of what it sees.
        size: *spatial of what it sees.
        classes: That it may be told.
        options: Sizes of the networks.
        levels: How often it halves the image before it judges; None for down to about four
            pixels.
        patches: Judge each place of the coarsest grid.
        whole: Judge all places together, each by weights of its own.
    """

    def __init__(
        self,
        channels: int,
        size: Sequence[int],
        classes: int,
        options: UNetOptions,
        *,
        levels: int | None = None,
        patches: bool = False,
        whole: bool = True,
    ) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(size)
        dims, strides = len(size), self.pyramid.strides[::-1][:levels]
        finer = widths(len(self.pyramid.strides), options.ndf, options.widest)[::-1]
        across = [channels, *finer[: len(strides)]]
        self.downs = downs(dims, across, strides)
        factors = [math.prod(axis) for axis in zip(*strides, strict=True)]
        places = math.prod(n // f for n, f in zip(self.pyramid.padded, factors, strict=True))
        self.patch = CONVOLUTIONS[dims](across[-1], 1, 3, 1, 1) if patches else None
        self.whole = nn.Linear(across[-1] * places, 1) if whole else None
        self.projection = nn.Embedding(classes, across[-1])
        nn.init.zeros_(self.projection.weight)
        if options.spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Logits of (N, channels, *size), (N, patches) or (N, 1), the whole's added to each.

        Args:
            images: With their masks.
            labels: (N,) class indices.
        """
        found = self.pyramid.pad(images)
        for step in self.downs:
            found = leaky_relu(step(found), _SLOPE)
        places = found.flatten(2)
        # The sum over places grows with their number; its root keeps all parts of one size.
        summed = places.sum(2) / math.sqrt(places.shape[2])
        logits: Tensor = (self.projection(labels) * summed).sum(1, keepdim=True)
        if self.whole is not None:
            logits = logits + self.whole(places.flatten(1))
        if self.patch is not None:
            logits = logits + self.patch(found).flatten(1)
        return logits


def draw(unet: UNet, labels: Tensor, rng: Generator) -> Tensor:
    """Draw what a batch of images is made from, (N, length).

    Args:
        unet: The generator.
        labels: (N,) class indices.
        rng: On their device.
    """
    return torch.randn((len(labels), unet.length), generator=rng, device=labels.device)


def draw_each(unet: UNet, options: UNetOptions, rngs: Sequence[Generator]) -> Tensor:
    """Draw the same for sampling, row i from generator i; truncation is of the whole alone."""
    drawn = latents.normal(unet.length, rngs)
    whole, texture = drawn[:, : options.latent], drawn[:, options.latent :]
    return torch.cat([options.truncation * whole, texture], dim=1)
