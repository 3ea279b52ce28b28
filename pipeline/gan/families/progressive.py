"""A GAN that grows: small images first, then one doubling after another.

Shapes are learnt where a step costs next to nothing, and every finer level then only has to learn
what it adds. A new level is faded in: its image is mixed with the enlarged one of the level
before, and real images are blurred alike, so that neither player is upset. How far a training has
grown is a function of its round alone. Until it is fully grown, samples are enlarged to full size.

One model makes all classes, told to both networks, the discriminator by projection. The defaults
differ from the paper where there are a few hundred images and two minutes of a CPU:

- growth starts at about 8 pixels (4 in the paper) and ends after two fifths of the training, the
  rest being spent at full resolution; one convolution a level instead of two, the
  discriminator's fused with the resizing, and a quarter of the channels or less;
- the non-saturating loss with a weak R1 penalty instead of Wasserstein's with the gradient
  penalty, and a discriminator that sees everything shifted at random, since images are few (`loss:
  wasserstein` with `gradient_penalty: 10` and `r1_gamma: 0` is the paper's way);
- the generator learns ten times and the discriminator five times faster, since trainings are a
  thousand times shorter; a faster discriminator gives up now and then;
- features are enlarged linearly, since blocks of pixels take longer to go away than there is;
- an average of the weights over a few hundred steps;
- latents as they are drawn, not brought to unit length, so that truncation has something to act on.

Sources: Karras et al. 2018, arXiv:1710.10196 (section 2: growing; 3: minibatch standard
deviation; 4.1: equalised learning rate; 4.2: pixel normalisation); R1: Mescheder et al. 2018,
arXiv:1801.04406; projection: Miyato and Koyama 2018, arXiv:1802.05637; differentiable
augmentation: Zhao et al. 2020, arXiv:2006.10738.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn.functional import leaky_relu

from pipeline.config import Count, NotNegative, Positive
from pipeline.gan import game, latents
from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.growth import Growth, Ladder, enlarged
from pipeline.gan.networks.layers import (
    CONVOLUTIONS,
    Enlarge,
    Pyramid,
    downs,
    equalised,
    spectrally_normalised,
    widths,
    with_spread,
)
from pipeline.gan.view import View

_SLOPE = 0.2


class ProgressiveOptions(AdversarialOptions):
    """What can be chosen; see `AdversarialOptions` for the rest.

    Attributes:
        coarsest: Pixels along the longest axis, about, at which a training starts.
        growing: Share of the training by which images have their full size.
        ngf: Channels of the generator's finest level; they double at each coarser one.
        ndf: The same of the discriminator.
        widest: The most channels of any level.
        latent: Numbers that an image is made from, beside its class.
        embedding: Numbers that a class is told by.
    """

    steps: Count = 1500
    batch: Count = 16
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 1e-2
    learning_rates: Mapping[str, Positive] = {"discriminator": 5e-3}
    betas: tuple[Decay, Decay] = (0.0, 0.99)
    r1_gamma: NotNegative = 0.02
    coarsest: Literal[4, 8] = 8
    growing: float = Field(default=0.4, ge=0.0, lt=1.0)
    ngf: Count = 16
    ndf: Count = 16
    widest: Count = 128
    latent: Count = 64
    embedding: Count = 16


class Progressive:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = ProgressiveOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "labelled"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: ProgressiveOptions) -> None:
        """Build the networks, all levels of them."""
        self.options = options
        ladder = Ladder(Pyramid.of(shape.size), options.coarsest)
        self.networks = nn.ModuleDict(
            {
                "generator": _Generator(shape, ladder, options),
                "discriminator": _Discriminator(shape, ladder, options),
                "view": View(options),
                "growth": Growth(ladder, options.growing * options.steps),
            }
        )

    def phases(self, step: int) -> Sequence[Phase]:
        """Steps of both players, at the growth of this round."""
        self._growth.round.fill_(step)
        return game.phases(self.options, step)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the player minimises whose phase it is."""
        assert batch.images is not None
        labels, grown = batch.labels, self._growth()

        def judge(images: Tensor) -> Tensor:
            seen = self.networks["view"](images, rng)
            logits: Tensor = self.networks["discriminator"](seen, labels, grown)
            return logits

        if phase == "generator":
            return game.generate(self.options, judge(self._generate(labels, grown, rng)))
        with torch.no_grad():
            fake = self._generate(labels, grown, rng)
        real = self._growth.ladder.blurred(batch.images, grown)
        return game.discriminate(self.options, phase, judge, real, fake, rng=rng)

    def after_step(self, phase: str, report: Report) -> None:
        """Clip the discriminator, adapt its view."""
        game.after_step(self.options, phase, report, self.networks)

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Generate N images, image i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, latent), row i from generator i."""
        return latents.normal(self.options.latent, rngs, truncation=self.options.truncation)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:
        """Generate an image of the given class from each latent."""
        return Sampled(self.networks["generator"](latents, given.labels, self._growth()))

    def judge(self, batch: Batch) -> Tensor:
        """The discriminator's logits (N,) for images as it knows them by now."""
        assert batch.images is not None
        grown = self._growth()
        seen = self._growth.ladder.blurred(batch.images, grown)
        logits: Tensor = self.networks["discriminator"](seen, batch.labels, grown)
        return logits

    @property
    def _growth(self) -> Growth:
        growth = self.networks["growth"]
        assert isinstance(growth, Growth)
        return growth

    def _generate(self, labels: Tensor, grown: float, rng: Generator) -> Tensor:
        shape = (len(labels), self.options.latent)
        drawn = torch.randn(shape, generator=rng, device=labels.device)
        images: Tensor = self.networks["generator"](drawn, labels, grown)
        return images


class _Generator(nn.Module):
    """(N, latent), (N,) class indices and a growth -> (N, C, *spatial) in [-1, 1]."""

    def __init__(self, shape: Shape, ladder: Ladder, options: ProgressiveOptions) -> None:
        super().__init__()
        self._ladder = ladder
        pyramid, dims = ladder.pyramid, shape.spatial_dims
        channels = widths(ladder.top + 1, options.ngf, options.widest)
        told = options.latent + options.embedding
        self.embedding = nn.Embedding(shape.classes, options.embedding)
        self.start = nn.Linear(told, channels[0] * math.prod(pyramid.base))
        self.finer = nn.ModuleList(
            CONVOLUTIONS[dims](*pair, 3, padding=1) for pair in pairwise(channels)
        )
        self.larger = nn.ModuleList(Enlarge(stride) for stride in pyramid.strides)
        self.images = nn.ModuleList(
            CONVOLUTIONS[dims](width, shape.channels, 1) for width in channels[ladder.first :]
        )
        equalised(self.start)
        equalised(self.finer)
        equalised(self.images, gain=1.0)

    def forward(self, latents: Tensor, labels: Tensor, grown: float) -> Tensor:
        ladder, level = self._ladder, math.floor(grown)
        told = torch.cat([latents, self.embedding(labels)], dim=1)
        features = self.start(told).unflatten(1, (-1, *ladder.pyramid.base))
        features = _activated(features)
        for number in range(level):
            features = self._refined(features, number)
        image = self.images[level - ladder.first](features)
        if grown > level:
            finer = self.images[level + 1 - ladder.first](self._refined(features, level))
            image = enlarged(image, ladder.pyramid.strides[level])
            image, level = torch.lerp(image, finer, grown - level), level + 1
        return ladder.pyramid.crop(ladder.enlarged(torch.tanh(image), level))

    def _refined(self, features: Tensor, level: int) -> Tensor:
        """Features of the next finer level."""
        return _activated(self.finer[level](self.larger[level](features)))


class _Discriminator(nn.Module):
    """Images (k N, C, *spatial), the class indices (N,) of each N, and a growth -> (k N,) logits.

    It also sees how much the N images of a minibatch differ from one another.
    """

    def __init__(self, shape: Shape, ladder: Ladder, options: ProgressiveOptions) -> None:
        super().__init__()
        self._ladder = ladder
        pyramid, dims = ladder.pyramid, shape.spatial_dims
        channels = widths(ladder.top + 1, options.ndf, options.widest)
        # From coarse to fine, as everything that is counted by level.
        self.images = nn.ModuleList(
            CONVOLUTIONS[dims](shape.channels, width, 1) for width in channels[ladder.first :]
        )
        self.downs = downs(dims, channels[::-1], pyramid.strides[::-1])[::-1]
        self.dense = nn.Linear(channels[0] * math.prod(pyramid.base) + 1, channels[0])
        self.whole = nn.Linear(channels[0], 1)
        self.projection = nn.Embedding(shape.classes, channels[0])
        nn.init.zeros_(self.projection.weight)
        for part in (self.images, self.downs, self.dense):
            equalised(part)
        equalised(self.whole, gain=1.0)
        if options.spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor, labels: Tensor, grown: float) -> Tensor:
        found = self._coarse(images, grown)
        found = with_spread(found.flatten(1), len(labels))
        found = leaky_relu(self.dense(found), _SLOPE)
        told = self.projection(labels.repeat(len(images) // len(labels)))
        logits: Tensor = self.whole(found).squeeze(1) + (told * found).sum(1)
        return logits

    def _coarse(self, images: Tensor, grown: float) -> Tensor:
        """Features on the coarsest grid."""
        ladder, level = self._ladder, math.floor(grown)
        padded = ladder.pyramid.pad(images)
        found = self._read(ladder.shrunk(padded, level), level)
        if grown > level:
            finer = self._read(ladder.shrunk(padded, level + 1), level + 1)
            finer = leaky_relu(self.downs[level](finer), _SLOPE)
            found = torch.lerp(found, finer, grown - level)
        for step in reversed(self.downs[:level]):
            found = leaky_relu(step(found), _SLOPE)
        return found

    def _read(self, images: Tensor, level: int) -> Tensor:
        """Features of images of a level's size."""
        return leaky_relu(self.images[level - self._ladder.first](images), _SLOPE)


def _activated(features: Tensor) -> Tensor:
    """LeakyReLU, then unit size at each pixel: equation 2 of the paper (section 4.2)."""
    features = leaky_relu(features, _SLOPE)
    return features * torch.rsqrt(features.square().mean(1, keepdim=True) + 1e-8)
