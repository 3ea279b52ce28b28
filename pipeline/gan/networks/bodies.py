"""The convolutional bodies of Radford et al. 2016, for families that differ in what they tell them.

Strided convolutions, no pooling, in 2D and 3D and for any size. Four things differ from the paper,
all for the sake of few images and short trainings. Features are convolved, then enlarged linearly,
instead of by transposed convolutions, whose grid takes a long training to go away. Images are
normalised in groups of channels, each by itself, instead of over the batch, so that averaged
weights need no statistics to go with them and labels of a batch do not mix. What an image is made
from enters the generator at every level. And every level adds its own image to the enlarged one of
the level before, so that shapes are there within the first hundred steps.

Sources: body: Radford et al. 2016, arXiv:1511.06434, section 3; group normalisation: Wu and He
2018, arXiv:1803.08494; latents at every level: Brock et al. 2019, arXiv:1809.11096, section 3;
sum of the levels' images: Karras et al. 2020, arXiv:1912.04958, section 4.1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, one_hot

from pipeline.gan.family import Shape
from pipeline.gan.networks.layers import CONVOLUTIONS, LINEAR, Pyramid, downs, ups_to_image, widths

SLOPE = 0.2
_GROUP = 8


class GeneratorBody(nn.Module):
    """(N, told) -> (N, C, *spatial) in [-1, 1].

    Args:
        shape: Of the images.
        told: Numbers that an image is made from: a latent, and whatever is told beside it.
        finest: Channels of the finest level; they double at each coarser one.
        widest: The most channels of any level.
    """

    def __init__(self, shape: Shape, told: int, *, finest: int, widest: int) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides
        self._enlarge = LINEAR[dims]
        channels = widths(len(strides), finest, widest)
        self.start = nn.Linear(told, channels[0] * math.prod(self.pyramid.base))
        self.norms = nn.ModuleList(ToldNorm(width, told) for width in channels)
        self.images = nn.ModuleList(
            CONVOLUTIONS[dims](width, shape.channels, 1) for width in channels
        )
        self.ups = ups_to_image(dims, channels, shape.channels, strides)

    def forward(self, told: Tensor) -> Tensor:
        """Generate an image from each row."""
        features = self.start(told).unflatten(1, (-1, *self.pyramid.base))
        total: Tensor | None = None
        for level, stride in enumerate(self.pyramid.strides):
            features = leaky_relu(self.norms[level](features, told), SLOPE)
            image = self.images[level](features)
            factors = tuple(map(float, stride))
            total = interpolate(
                image if total is None else total + image, scale_factor=factors, mode=self._enlarge
            )
            features = self.ups[level](features)
        assert total is not None
        # The finest level's features are its image already.
        return self.pyramid.crop(torch.tanh(total + features))


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


class OneHotGenerator(nn.Module):
    """(N, latent) and (N,) class indices -> (N, C, *spatial): the class as one-hot numbers.

    Args:
        shape: Of the images; `classes` are told apart.
        latent: Numbers that an image is made from, beside its class.
        finest: As in `GeneratorBody`.
        widest: As in `GeneratorBody`.
    """

    def __init__(self, shape: Shape, latent: int, *, finest: int, widest: int) -> None:
        super().__init__()
        self._classes = shape.classes
        self.body = GeneratorBody(shape, latent + shape.classes, finest=finest, widest=widest)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Generate an image of its class from each latent."""
        codes = one_hot(labels, self._classes).to(latents)
        images: Tensor = self.body(torch.cat([latents, codes], dim=1))
        return images


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
