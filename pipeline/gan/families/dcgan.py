"""DCGAN, one model per class, as in the study that this pipeline follows.

The architecture is the paper's: strided convolutions, batch normalisation, ReLU and LeakyReLU,
weights drawn from N(0, 0.02). The defaults differ where a class has a few dozen images and a model
a quarter of a minute, each an option:

- the generator enlarges its features linearly instead of by transposed convolutions, whose grid
  takes a longer training to go away (`upsampling: transposed` is the paper's), and can add noise
  to them for scans that are noisy (`grain`);
- an eighth of the channels, and Adam at 1e-3 with betas (0.5, 0.99) instead of 2e-4, (0.5, 0.999);
- batches of 16 instead of 64 (128 in the paper), so that there are more steps;
- weights averaged over the last hundred steps or so, one-sided label smoothing, and a
  discriminator that sees everything shifted at random;
- real images mirrored at random instead of the classically augmented set: its noise, blur and
  rotations come back in what is generated (`copies: true` is the study's way).

Sources: Radford et al. 2016, arXiv:1511.06434; Frid-Adar et al. 2018, arXiv:1803.01229 (one model
a class, latent of 100, trained on the classically augmented set); label smoothing: Salimans et al.
2016, arXiv:1606.03498, section 3.4; R1: Mescheder et al. 2018, arXiv:1801.04406; differentiable
augmentation: Zhao et al. 2020, arXiv:2006.10738; noise: Karras et al. 2019,
arXiv:1812.04948, section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn.functional import leaky_relu, relu

from pipeline.config import Count, Positive, Share
from pipeline.gan import game, latents
from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.layers import (
    BATCH_NORMS,
    CONVOLUTIONS,
    Grain,
    Pyramid,
    downs,
    spectrally_normalised,
    transposed,
    up,
    widths,
)
from pipeline.gan.view import View

_SLOPE = 0.2
_SPREAD = 0.02
_FEWEST = 8


class DcganOptions(AdversarialOptions):
    """What can be chosen; see `AdversarialOptions` for the rest.

    Attributes:
        ngf: Channels of the generator's finest level; they double at each coarser one.
        ndf: The same of the discriminator.
        widest: The most channels of any level.
        latent: Numbers that an image is made from.
        normalisation: The discriminator's; `batch` is the paper's, `none` suits R1.
        upsampling: The generator's; `transposed` convolutions are the paper's.
        grain: Whether an interpolating generator adds noise to its features at full size, as
            strongly as an image's latent says: for scans with noise from pixel to pixel.
    """

    steps: Count = 1000
    batch: Count = 16
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 1e-3
    betas: tuple[Decay, Decay] = (0.5, 0.99)
    decay_from: Share = 0.6
    ema: Decay = 0.995
    ngf: Count = 16
    ndf: Count = 16
    widest: Count = 64
    latent: Count = 100
    normalisation: Literal["batch", "none"] = "batch"
    upsampling: Literal["interpolated", "transposed"] = "interpolated"
    grain: bool = False
    smoothing: float = Field(default=0.1, ge=0.0, lt=0.5)


class Dcgan:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = DcganOptions
    conditional: ClassVar[bool] = False
    batches: ClassVar[str] = "plain"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: DcganOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = nn.ModuleDict(
            {
                "generator": _GENERATORS[options.upsampling](shape, options),
                "discriminator": _Discriminator(shape, options),
                "view": View(options),
            }
        )
        self.networks.apply(_draw_weights)

    def phases(self, step: int) -> Sequence[Phase]:
        """Steps of both players."""
        return game.phases(self.options, step)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the player minimises whose phase it is."""
        assert batch.images is not None

        def judge(images: Tensor) -> Tensor:
            logits: Tensor = self.networks["discriminator"](self.networks["view"](images, rng))
            return logits

        if phase == "generator":
            return game.generate(self.options, judge(self._generate(batch.images, rng)))
        with torch.no_grad():
            fake = self._generate(batch.images, rng)
        # Apart, so that batch statistics are of real images or of generated ones, never of both.
        return game.discriminate(
            self.options, phase, judge, batch.images, fake, rng=rng, together=False
        )

    def after_step(self, phase: str, report: Report) -> None:
        """Clip the discriminator, adapt its view."""
        game.after_step(self.options, phase, report, self.networks)

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Generate N images, image i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, latent and noise), row i from generator i; truncation leaves the noise."""
        drawn = latents.normal(self._length, rngs)
        whole, noise = drawn[:, : self.options.latent], drawn[:, self.options.latent :]
        return torch.cat([self.options.truncation * whole, noise], dim=1)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:  # noqa: ARG002
        """Generate an image from each latent."""
        return Sampled(self.networks["generator"](latents))

    def judge(self, batch: Batch) -> Tensor:
        """The discriminator's logits (N,) for images as they are."""
        logits: Tensor = self.networks["discriminator"](batch.images)
        return logits

    @property
    def _length(self) -> int:
        generator = self.networks["generator"]
        assert isinstance(generator, _Interpolated | _Transposed)
        return generator.length

    def _generate(self, like: Tensor, rng: Generator) -> Tensor:
        drawn = torch.randn((len(like), self._length), generator=rng, device=like.device)
        images: Tensor = self.networks["generator"](drawn)
        return images


class _Interpolated(nn.Module):
    """(N, length) -> (N, C, *spatial) in [-1, 1]; `length` is a latent and noise, if any."""

    def __init__(self, shape: Shape, options: DcganOptions) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides
        self.latent = options.latent
        self.length = options.latent + options.grain * math.prod(self.pyramid.padded)
        channels = widths(1 + len(strides), max(_FEWEST, options.ngf // 2), options.widest)
        self.start = nn.Linear(options.latent, channels[0] * math.prod(self.pyramid.base))
        self.norms = nn.ModuleList(BATCH_NORMS[dims](width) for width in channels)
        pairs = zip(pairwise(channels), strides, strict=True)
        self.ups = nn.ModuleList(up(dims, *pair, stride) for pair, stride in pairs)
        self.grain = Grain(channels[-1], options.latent) if options.grain else None
        self.leave = CONVOLUTIONS[dims](channels[-1], shape.channels, 3, 1, 1)

    def forward(self, drawn: Tensor) -> Tensor:
        """Generate an image from each row."""
        latents, noise = drawn[:, : self.latent], drawn[:, self.latent :]
        features = self.start(latents).unflatten(1, (-1, *self.pyramid.base))
        for norm, step in zip(self.norms[:-1], self.ups, strict=True):
            features = step(relu(norm(features)))
        if self.grain is not None:
            features = self.grain(features, noise, latents)
        images = self.leave(relu(self.norms[-1](features)))
        return self.pyramid.crop(torch.tanh(images))


class _Transposed(nn.Module):
    """(N, length) -> (N, C, *spatial) in [-1, 1]; the paper's, whose `length` is its latent's."""

    def __init__(self, shape: Shape, options: DcganOptions) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides
        self.latent = self.length = options.latent
        channels = widths(len(strides), options.ngf, options.widest)
        self.start = nn.Linear(options.latent, channels[0] * math.prod(self.pyramid.base))
        self.norms = nn.ModuleList(BATCH_NORMS[dims](width) for width in channels)
        pairs = zip(pairwise([*channels, shape.channels]), strides, strict=True)
        self.ups = nn.ModuleList(transposed(dims, *pair, stride) for pair, stride in pairs)

    def forward(self, drawn: Tensor) -> Tensor:
        """Generate an image from each row."""
        images = self.start(drawn).unflatten(1, (-1, *self.pyramid.base))
        for norm, step in zip(self.norms, self.ups, strict=True):
            images = step(relu(norm(images)))
        return self.pyramid.crop(torch.tanh(images))


_GENERATORS = {"interpolated": _Interpolated, "transposed": _Transposed}


class _Discriminator(nn.Module):
    """(N, C, *spatial) -> (N,) logits."""

    def __init__(self, shape: Shape, options: DcganOptions) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides[::-1]
        channels = widths(len(strides), options.ndf, options.widest)[::-1]
        self.downs = downs(dims, [shape.channels, *channels], strides)
        # The paper normalises every layer but the one that sees pixels.
        normal = options.normalisation == "batch"
        self.norms = nn.ModuleList(
            BATCH_NORMS[dims](width) if normal and level else nn.Identity()
            for level, width in enumerate(channels)
        )
        self.whole = nn.Linear(channels[-1] * math.prod(self.pyramid.base), 1)
        if options.spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor) -> Tensor:
        found = self.pyramid.pad(images)
        for step, norm in zip(self.downs, self.norms, strict=True):
            found = leaky_relu(norm(step(found)), _SLOPE)
        logits: Tensor = self.whole(found.flatten(1)).squeeze(1)
        return logits


def _draw_weights(module: nn.Module) -> None:
    """Radford et al. 2016, section 4: all weights from N(0, 0.02)."""
    if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
        nn.init.normal_(module.weight, 0.0, _SPREAD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.modules.batchnorm._BatchNorm):
        nn.init.normal_(module.weight, 1.0, _SPREAD)
