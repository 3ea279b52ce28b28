"""The network of style-based generators, and its layers, in 2D and 3D.

A style tells every layer how strongly each of its input channels is to speak. Scaling a
convolution's input channels for each image, and its output channels back to unit size, is the same
as giving each image weights of its own, without the grouped convolution that this would take.

Source: Karras et al. 2020, arXiv:1912.04958, section 2.2 (modulation and demodulation, equations
1 to 3); equalised learning rate: Karras et al. 2018, arXiv:1710.10196, section 4.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.gan.family import Shape
from pipeline.gan.networks.layers import LINEAR, Pyramid, widths

_CONVOLVE: Mapping[int, Callable[..., Tensor]] = {2: functional.conv2d, 3: functional.conv3d}
_SLOPE = 0.2
_TINY = 1e-8
_QUIET = 0.1


def activate(features: Tensor) -> Tensor:
    """LeakyReLU, scaled so that normal inputs keep their mean square."""
    gain = math.sqrt(2.0 / (1.0 + _SLOPE**2))
    return gain * functional.leaky_relu(features, _SLOPE)


def unit_size(vectors: Tensor) -> Tensor:
    """Scale (N, length) to a mean square of one in each row."""
    return vectors * torch.rsqrt(vectors.square().mean(1, keepdim=True) + _TINY)


class EqualisedLinear(nn.Module):
    """A linear layer whose stored weights are of unit size: all layers learn equally fast.

    Args:
        before: Length of what comes in.
        after: Length of what goes out.
        bias: Where the bias starts.
        speed: How fast it learns, relative to the optimiser's rate.
    """

    def __init__(self, before: int, after: int, *, bias: float = 0.0, speed: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before) / speed)
        self.bias = nn.Parameter(torch.full((after,), bias / speed))
        self._scale, self._speed = speed / math.sqrt(before), speed

    def forward(self, vectors: Tensor) -> Tensor:
        """(N, before) -> (N, after)."""
        return functional.linear(vectors, self._scale * self.weight, self._speed * self.bias)


class ModulatedConvolution(nn.Module):
    """A convolution whose input channels are scaled by a style.

    Args:
        spatial_dims: 2 or 3.
        before: Channels of what comes in.
        after: Channels of what goes out.
        styles: Length of a style.
        kernel: Pixels along each axis, 1 or 3.
        demodulate: Scale output channels back to unit size, under the assumption that inputs are
            of unit size and independent.
        quiet: Start with a tenth of the weights: details come in as they are learnt, where they
            would be noise at first.
    """

    def __init__(
        self,
        spatial_dims: int,
        before: int,
        after: int,
        styles: int,
        *,
        kernel: int = 3,
        demodulate: bool = True,
        quiet: bool = False,
    ) -> None:
        super().__init__()
        self._dims, self._padding, self._demodulate = spatial_dims, kernel // 2, demodulate
        self._scale = 1.0 / math.sqrt(before * kernel**spatial_dims)
        weight = torch.randn(after, before, *[kernel] * spatial_dims)
        self.weight = nn.Parameter(_QUIET * weight if quiet else weight)
        self.style = EqualisedLinear(styles, before, bias=1.0)

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        """(N, before, *spatial) and (N, styles) -> (N, after, *spatial)."""
        ones = [1] * self._dims
        scale, weight = self.style(styles), self._scale * self.weight
        scaled = features * scale.reshape(*scale.shape, *ones)
        found = _CONVOLVE[self._dims](scaled, weight, None, 1, self._padding)
        if not self._demodulate:
            return found
        power = scale.square() @ weight.square().flatten(2).sum(2).t()
        return found * torch.rsqrt(power + _TINY).reshape(*power.shape, *ones)


class MappingNetwork(nn.Module):
    """From a normal latent and a class to a style, whose distribution need not be normal.

    Args:
        latent: Length of a latent.
        classes: Number of classes.
        styles: Length of a style.
        layers: Fully connected layers.
        speed: How fast they learn, relative to the optimiser's rate; 0.01 in the paper.

    Source: Karras et al. 2019, arXiv:1812.04948, section 2; told the class as in the conditional
        set-up of Karras et al. 2020, arXiv:2006.06676, appendix.
    """

    def __init__(self, latent: int, classes: int, styles: int, layers: int, speed: float) -> None:
        super().__init__()
        self.latent, self.styles = latent, styles
        self.embedding = nn.Embedding(classes, latent)
        lengths = [2 * latent, *[styles] * layers]
        self.layers = nn.ModuleList(
            EqualisedLinear(before, after, speed=speed) for before, after in pairwise(lengths)
        )

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """(N, latent) and (N,) class indices -> (N, styles)."""
        told = torch.cat([unit_size(latents), unit_size(self.embedding(labels))], dim=1)
        for layer in self.layers:
            told = activate(layer(told))
        return told


class SynthesisNetwork(nn.Module):
    """Styles (N, levels, styles) and noise -> images (N, C, *spatial) in [-1, 1].

    It begins with one learnt coarse image of features; every level convolves, doubling the axes
    that the pyramid says, adds its noise at a learnt strength, and adds its own image to the
    enlarged one of the level before.

    Args:
        shape: Of the images.
        mapping: Makes the styles; kept here, so that it is trained and averaged along.
        finest: Channels of the finest level; they double at each coarser one.
        widest: The most channels of any level.

    Attributes:
        length: Numbers that are drawn for an image: its latent, then each level's noise.
        mean_style: Running means of the styles in training, (classes, styles).
        path_length: Running mean of `penalties.path_lengths`, scalar.

    Source: Karras et al. 2020, arXiv:1912.04958, sections 2 and 4.1.
    """

    mean_style: Tensor
    path_length: Tensor

    def __init__(self, shape: Shape, mapping: MappingNetwork, *, finest: int, widest: int) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        self._enlarge = LINEAR[shape.spatial_dims]
        dims, base, styles = shape.spatial_dims, self.pyramid.base, mapping.styles
        self.levels = 1 + len(self.pyramid.strides)
        self._grids = self.pyramid.grids
        self._lengths = [mapping.latent, *map(math.prod, self._grids)]
        self.length = sum(self._lengths)
        channels = widths(self.levels, finest, widest)
        self.mapping = mapping
        self.start = nn.Parameter(torch.randn(1, channels[0], *base))
        self.convolutions = nn.ModuleList(
            ModulatedConvolution(dims, before, after, styles)
            for before, after in pairwise([channels[0], *channels])
        )
        self.biases = nn.ParameterList(torch.zeros(width, *[1] * dims) for width in channels)
        # At its finest level nothing but its image's own convolution sees single pixels.
        kernels = [*[1] * (self.levels - 1), 3]
        self.images = nn.ModuleList(
            ModulatedConvolution(
                dims,
                width,
                shape.channels,
                styles,
                kernel=kernel,
                demodulate=False,
                quiet=level > 0,
            )
            for level, (width, kernel) in enumerate(zip(channels, kernels, strict=True))
        )
        self.level = nn.Parameter(torch.zeros(shape.channels, *[1] * dims))
        self.strengths = nn.Parameter(torch.zeros(self.levels))
        self.register_buffer("mean_style", torch.zeros(mapping.embedding.num_embeddings, styles))
        self.register_buffer("path_length", torch.tensor(0.0))

    def split(self, drawn: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Part (N, length) into latents (N, latent) and each level's noise (N, 1, *grid)."""
        latents, *noise = torch.split(drawn, self._lengths, dim=1)
        pairs = zip(noise, self._grids, strict=True)
        return latents, [part.reshape(-1, 1, *grid) for part, grid in pairs]

    def forward(self, styles: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Draw an image of each row's styles."""
        features = self.start.expand(len(styles), *self.start.shape[1:])
        total: Tensor = self.level
        for level, convolution in enumerate(self.convolutions):
            own = styles[:, level]
            features = convolution(features, own)
            if level > 0:
                factors = tuple(map(float, self.pyramid.strides[level - 1]))
                features, total = (
                    functional.interpolate(each, scale_factor=factors, mode=self._enlarge)
                    for each in (features, total)
                )
            grain = self.strengths[level] * noise[level]
            features = activate(features + grain + self.biases[level])
            total = total + self.images[level](features, own)
        return self.pyramid.crop(torch.tanh(total))

    @torch.no_grad()
    def follow(self, styles: Tensor, labels: Tensor, lag: float) -> None:
        """Move each class's mean style by 1 - lag towards that of (N, styles)."""
        for label, mean in enumerate(self.mean_style):
            own = styles[labels == label]
            if len(own):
                mean.lerp_(own.mean(0), 1.0 - lag)

    def truncated(self, styles: Tensor, labels: Tensor, factor: float) -> Tensor:
        """Draw (N, styles) towards the mean styles of their classes; 1 leaves them.

        Source: Karras et al. 2019, arXiv:1812.04948, appendix B.
        """
        if factor == 1.0:
            return styles
        return torch.lerp(self.mean_style[labels], styles, factor)
