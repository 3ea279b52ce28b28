"""The convolutional bodies of Radford et al. 2016, for families that differ in what they tell them.

Strided convolutions, no pooling, in 2D and 3D and for any size. Four things differ from the paper,
all for the sake of few images and short trainings. Features are convolved, then enlarged linearly,
instead of by transposed convolutions, whose grid takes a long training to go away; the grain of
noisy scans, which such smooth features cannot make, is added as noise (`grain`). Images are
normalised in groups of channels, each by itself, instead of over the batch, so that averaged
weights need no statistics to go with them and labels of a batch do not mix. What an image is made
from enters the generator at every level. And every level adds its own image to the enlarged one of
the level before, so that shapes are there within the first hundred steps.

Sources: body: Radford et al. 2016, arXiv:1511.06434, section 3; group normalisation: Wu and He
2018, arXiv:1803.08494; latents at every level: Brock et al. 2019, arXiv:1809.11096, section 3;
noise: Karras et al. 2019, arXiv:1812.04948, section 3.2; sum of the levels' images: Karras
et al. 2020, arXiv:1912.04958, section 4.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import leaky_relu, one_hot

from pipeline.config import Count
from pipeline.gan import latents
from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.family import Shape
from pipeline.gan.networks.layers import (
    CONVOLUTIONS,
    Enlarge,
    Grain,
    Pyramid,
    downs,
    up,
    widths,
)

SLOPE = 0.2
_GROUP = 8
_FEWEST = 8


class BodyOptions(AdversarialOptions):
    """What can be chosen about the bodies; see `AdversarialOptions` for the rest.

    Attributes:
        ngf: Channels of the generator's finest level but one; they double at each coarser one.
        ndf: The same of the discriminator's finest level.
        widest: The most channels of any level.
        latent: Numbers that an image is made from, beside what it is told.
        grain: Whether the generator adds noise to its features at full size, as strongly as an
            image's latent says. For scans with noise from pixel to pixel, which a smooth generator
            draws as contour lines; where scans are smooth, it makes some images noisy.
    """

    ngf: Count = 24
    ndf: Count = 24
    widest: Count = 96
    latent: Count = 64
    grain: bool = False


class GeneratorBody(nn.Module):
    """(N, length) and (N, told) -> (N, C, *spatial) in [-1, 1].

    Args:
        shape: Of the images.
        latent: Numbers that an image as a whole is made from.
        told: Numbers that it is told beside them.
        finest: Channels of the level before full size; they double at each coarser one and are
            half as many at full size.
        widest: The most channels of any level.
        grain: Whether noise is added to the features at full size.

    Attributes:
        latent: As given.
        length: Numbers that are drawn for an image: its latent, then its noise, if any.
    """

    def __init__(
        self,
        shape: Shape,
        latent: int,
        told: int,
        *,
        finest: int,
        widest: int,
        grain: bool = False,
    ) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides
        self.latent = latent
        self.length = latent + grain * math.prod(self.pyramid.padded)
        channels = widths(len(strides), finest, widest)
        full = max(_FEWEST, finest // 2)
        self.start = nn.Linear(latent + told, channels[0] * math.prod(self.pyramid.base))
        self.norms = nn.ModuleList(ToldNorm(width, latent + told) for width in channels)
        self.images = nn.ModuleList(
            CONVOLUTIONS[dims](width, shape.channels, 1) for width in channels
        )
        pairs = zip(pairwise([*channels, full]), strides, strict=True)
        self.ups = nn.ModuleList(up(dims, *pair, stride) for pair, stride in pairs)
        self.larger = nn.ModuleList(Enlarge(stride) for stride in strides)
        self.grain = Grain(full, latent + told) if grain else None
        self.leave = CONVOLUTIONS[dims](full, shape.channels, 3, 1, 1)

    def forward(self, drawn: Tensor, told: Tensor) -> Tensor:
        """Generate an image from each row."""
        told = torch.cat([drawn[:, : self.latent], told], dim=1)
        features = self.start(told).unflatten(1, (-1, *self.pyramid.base))
        total: Tensor | None = None
        for norm, own, step, larger in zip(
            self.norms, self.images, self.ups, self.larger, strict=True
        ):
            features = leaky_relu(norm(features, told), SLOPE)
            total = larger(own(features) if total is None else total + own(features))
            features = step(features)
        assert total is not None
        if self.grain is not None:
            features = self.grain(features, drawn[:, self.latent :], told)
        return self.pyramid.crop(torch.tanh(total + self.leave(leaky_relu(features, SLOPE))))


class DiscriminatorBody(nn.Module):
    """(N, C + more, *spatial) -> (N, features), the numbers that a head judges.

    Args:
        shape: Of the images.
        finest: Channels of the finest level; they double at each coarser one.
        widest: The most channels of any level.
        more: Channels beside the image's own.
    """

    def __init__(self, shape: Shape, *, finest: int, widest: int, more: int = 0) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        strides = self.pyramid.strides[::-1]
        channels = widths(len(strides), finest, widest)[::-1]
        self.downs = downs(shape.spatial_dims, [shape.channels + more, *channels], strides)
        self.features = channels[-1] * math.prod(self.pyramid.base)

    def forward(self, images: Tensor) -> Tensor:
        """Describe each image."""
        found = self.pyramid.pad(images)
        for step in self.downs:
            found = leaky_relu(step(found), SLOPE)
        return found.flatten(1)


class LabelledGenerator(nn.Module):
    """(N, length) and (N,) class indices -> (N, C, *spatial) in [-1, 1].

    Args:
        shape: Of the images; `classes` are told apart.
        options: The family's.
        embedding: Numbers that a class is told by, learnt; 0 tells it as one-hot numbers.
    """

    def __init__(self, shape: Shape, options: BodyOptions, *, embedding: int = 0) -> None:
        super().__init__()
        self._classes = shape.classes
        self.embedding = nn.Embedding(shape.classes, embedding) if embedding else None
        told = embedding or shape.classes
        self.body = GeneratorBody(
            shape,
            options.latent,
            told,
            finest=options.ngf,
            widest=options.widest,
            grain=options.grain,
        )

    def forward(self, drawn: Tensor, labels: Tensor) -> Tensor:
        """Generate an image of its class from each row."""
        if self.embedding is None:
            codes = one_hot(labels, self._classes).to(drawn)
        else:
            codes = self.embedding(labels)
        images: Tensor = self.body(drawn, codes)
        return images

    def draw(self, labels: Tensor, rng: Generator) -> Tensor:
        """Draw what a batch of images is made from, (N, length); `rng` is on their device."""
        return torch.randn((len(labels), self.body.length), generator=rng, device=labels.device)

    def draw_each(self, rngs: Sequence[Generator], truncation: float) -> Tensor:
        """Draw the same for sampling, row i from generator i; truncation leaves the grain."""
        drawn = latents.normal(self.body.length, rngs)
        whole, grain = drawn[:, : self.body.latent], drawn[:, self.body.latent :]
        return torch.cat([truncation * whole, grain], dim=1)


class ToldNorm(nn.Module):
    """Group normalisation whose scale and shift depend on what the image is made from.

    Unlike batch normalisation it makes an image from its own latent alone, in training as when
    sampling, so that averaged weights need no statistics to go with them.

    Args:
        channels: Of the features.
        told: Numbers that scale and shift depend on.
        start: Size of that dependence at first, as a share of a linear layer's usual weights.
    """

    def __init__(self, channels: int, told: int, *, start: float = 0.0) -> None:
        super().__init__()
        groups = math.gcd(channels, max(1, channels // _GROUP))
        self.norm = nn.GroupNorm(groups, channels, affine=False)
        self.tell = nn.Linear(told, 2 * channels)
        with torch.no_grad():
            for parameter in self.tell.parameters():
                parameter.mul_(start) if start else parameter.zero_()

    def forward(self, features: Tensor, told: Tensor) -> Tensor:
        """Normalise (N, channels, *spatial), told (N, told)."""
        shape = (len(features), -1, *[1] * (features.ndim - 2))
        scale, shift = (part.reshape(shape) for part in self.tell(told).chunk(2, dim=1))
        changed: Tensor = self.norm(features) * (1.0 + scale) + shift
        return changed
