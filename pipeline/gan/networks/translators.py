"""Networks that make an image of one domain from an image of another, and what judges the result.

Sources: skip connections: Ronneberger et al. 2015, arXiv:1505.04597; the mask of what changes:
Mejjati et al. 2018, arXiv:1806.02311, equation 1; patches: Isola et al. 2017, arXiv:1611.07004,
section 3.2.2; group normalisation: Wu and He 2018, arXiv:1803.08494.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from pipeline.gan.family import Shape
from pipeline.gan.networks.layers import (
    CONVOLUTIONS,
    Enlarge,
    Pyramid,
    downs,
    spectrally_normalised,
    widths,
)

Judged: TypeAlias = Literal["whole", "patches"]

_SLOPE = 0.2
_GROUP = 8


class MaskedTranslator(nn.Module):
    """A U-Net that paints over an image: (N, C, *spatial) -> the same, in [-1, 1].

    It makes new content and a mask from 0 to 1, and mixes the content into the image by the mask.
    What the mask leaves out is the image itself, as sharp as it was, and no clipping is needed.

    Args:
        shape: What it is built for.
        finest: Channels at the finest level; they double at each coarser one.
        widest: The most channels of any level.
    """

    def __init__(self, shape: Shape, finest: int, widest: int) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides
        channels = widths(len(strides) + 1, finest, widest)
        fine = channels[::-1]
        convolution = CONVOLUTIONS[dims]
        self.start = convolution(shape.channels, finest, 3, padding=1)
        self.downs = downs(dims, fine, strides[::-1])
        self.down_norms = nn.ModuleList(_norm(width) for width in fine[1:])
        self.middle = _Residual(dims, channels[0])
        self.ups = nn.ModuleList(
            _Enlarged(dims, *pair, stride)
            for pair, stride in zip(pairwise(channels), strides, strict=True)
        )
        self.up_norms = nn.ModuleList(_norm(width) for width in channels[1:])
        self.end = convolution(finest, shape.channels + 1, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Translate (N, C, *spatial)."""
        padded = self.pyramid.pad(images)
        found = leaky_relu(self.start(padded), _SLOPE)
        passed = []
        for step, norm in zip(self.downs, self.down_norms, strict=True):
            passed.append(found)
            found = leaky_relu(norm(step(found)), _SLOPE)
        found = self.middle(found)
        for step, norm in zip(self.ups, self.up_norms, strict=True):
            found = leaky_relu(norm(step(found)) + passed.pop(), _SLOPE)
        # In half precision the source keeps its own.
        made = self.end(found).to(padded)
        content, mask = torch.tanh(made[:, :-1]), torch.sigmoid(made[:, -1:])
        return self.pyramid.crop(torch.lerp(padded, content, mask.expand_as(content)))


class Recoder(nn.Module):
    """An encoder and a decoder, nothing passing by: (N, C, *spatial) -> the same, in [-1, 1].

    Args:
        shape: What it is built for.
        finest: Channels at the finest level; they double at each coarser one.
        widest: The most channels of any level.
    """

    def __init__(self, shape: Shape, finest: int, widest: int) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides
        channels = widths(len(strides), finest, widest)
        self.downs = downs(dims, [shape.channels, *channels[::-1]], strides[::-1])
        self.down_norms = nn.ModuleList(
            _norm(width) if level else nn.Identity() for level, width in enumerate(channels[::-1])
        )
        self.middle = _Residual(dims, channels[0])
        self.ups = nn.ModuleList(
            _Enlarged(dims, *pair, stride)
            for pair, stride in zip(pairwise([*channels, finest]), strides, strict=True)
        )
        self.up_norms = nn.ModuleList(_norm(width) for width in [*channels[1:], finest])
        self.end = CONVOLUTIONS[dims](finest, shape.channels, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Translate (N, C, *spatial)."""
        found = self.pyramid.pad(images)
        for step, norm in zip(self.downs, self.down_norms, strict=True):
            found = leaky_relu(norm(step(found)), _SLOPE)
        found = self.middle(found)
        for step, norm in zip(self.ups, self.up_norms, strict=True):
            found = leaky_relu(norm(step(found)), _SLOPE)
        return self.pyramid.crop(torch.tanh(self.end(found)))


class DomainDiscriminator(nn.Module):
    """Says how well an image belongs to a domain: (N, C, *spatial) -> logits.

    Args:
        shape: What it is built for.
        finest: Channels at the finest level; they double at each coarser one.
        widest: The most channels of any level.
        judged: `whole` gives a logit an image, (N,); `patches` one for each place of the coarsest
            grid, (N, places).
        spectral_norm: Whether layers are divided by their largest singular value.
    """

    def __init__(
        self, shape: Shape, finest: int, widest: int, judged: Judged, *, spectral_norm: bool
    ) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides[::-1]
        channels = widths(len(strides), finest, widest)[::-1]
        self.downs = downs(dims, [shape.channels, *channels], strides)
        self.judged = judged
        places = math.prod(self.pyramid.base) if judged == "whole" else 1
        self.end = nn.Linear(channels[-1] * places, 1)
        if spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor) -> Tensor:
        """Judge (N, C, *spatial)."""
        found = self.pyramid.pad(images)
        for step in self.downs:
            found = leaky_relu(step(found), _SLOPE)
        seen = found.flatten(1) if self.judged == "whole" else found.flatten(2).transpose(1, 2)
        logits: Tensor = self.end(seen).squeeze(-1)
        return logits


class _Residual(nn.Module):
    """Two convolutions beside which their input passes: He et al. 2016, arXiv:1603.05027."""

    def __init__(self, spatial_dims: int, width: int) -> None:
        super().__init__()
        convolution = CONVOLUTIONS[spatial_dims]
        self.first = convolution(width, width, 3, padding=1)
        self.norm = _norm(width)
        self.second = convolution(width, width, 3, padding=1)

    def forward(self, found: Tensor) -> Tensor:
        inner = leaky_relu(self.norm(self.first(found)), _SLOPE)
        changed: Tensor = found + self.second(inner)
        return changed


class _Enlarged(nn.Module):
    """Linear interpolation, then a convolution.

    A transposed convolution would leave its grid in what it paints, which discriminators with
    strides hardly see (Odena et al. 2016, doi:10.23915/distill.00003).
    """

    def __init__(self, spatial_dims: int, before: int, after: int, stride: Sequence[int]) -> None:
        super().__init__()
        self.enlarge = Enlarge(stride)
        self.convolution = CONVOLUTIONS[spatial_dims](before, after, 3, padding=1)

    def forward(self, found: Tensor) -> Tensor:
        made: Tensor = self.convolution(self.enlarge(found))
        return made


def _norm(width: int) -> nn.Module:
    """Statistics of one image alone, so that it is translated alike in any batch."""
    groups = width // _GROUP if width % _GROUP == 0 else 1
    return nn.GroupNorm(groups, width)
