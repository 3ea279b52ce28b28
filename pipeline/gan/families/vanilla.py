"""The first GAN: fully connected networks, one model per class. The floor to beat.

Nothing in it knows that neighbouring pixels belong together, so what is smooth has to be learnt
from each pixel's own statistics, and some grain stays. As in the paper: rectified units in the
generator, maxout and dropout in the discriminator, the non-saturating loss of section 3.
Defaults differ where a class has a few dozen images and a model half a minute, each an option:
fewer units, Adam instead of momentum with rates that fall to zero, averaged weights, one-sided
label smoothing (real images have the target 0.9), and R1. The discriminator sees images as they
are: told nothing of places, it takes a shifted nodule for quite another thing, and grain follows.

Sources: Goodfellow et al. 2014, arXiv:1406.2661, equation 1 and section 5; maxout: Goodfellow et
al. 2013, arXiv:1302.4389; dropout: Srivastava et al. 2014; label smoothing: Salimans et al. 2016,
arXiv:1606.03498, section 3.4; R1: Mescheder et al. 2018, arXiv:1801.04406.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn.functional import relu

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan import game, latents
from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.family import (
    Batch,
    Mirror,
    Phase,
    Policies,
    Report,
    Sampled,
    Shape,
    TrainingOptions,
)
from pipeline.gan.networks.layers import spectrally_normalised
from pipeline.gan.view import View

_FAINT = 1e-3


class VanillaOptions(AdversarialOptions):
    """What can be chosen; see `AdversarialOptions` for the rest.

    Attributes:
        generator_units: Units of each of the generator's two hidden layers.
        discriminator_units: Units of each of the discriminator's two hidden layers.
        pieces: Linear pieces of which a unit of the discriminator takes the greatest.
        dropout: Share of the discriminator's hidden units that is left out at random in training.
        latent: Numbers that an image is made from.
    """

    steps: Count = 2500
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 5e-4
    learning_rates: Mapping[str, Positive] = {"discriminator": 1e-3}
    decay_from: Share = 0.3
    smoothing: float = Field(default=0.1, ge=0.0, lt=0.5)
    r1_gamma: NotNegative = 0.3
    augmentation: Policies = ()
    generator_units: Count = 256
    discriminator_units: Count = 128
    pieces: Count = 3
    dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
    latent: Count = 64


class Vanilla:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = VanillaOptions
    conditional: ClassVar[bool] = False
    batches: ClassVar[str] = "plain"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: VanillaOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = nn.ModuleDict(
            {
                "generator": _Generator(shape, options),
                "discriminator": _Discriminator(shape, options),
                "view": View(options),
            }
        )

    def phases(self, step: int) -> Sequence[Phase]:
        """Steps of both players."""
        return game.phases(self.options, step)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the player minimises whose phase it is."""
        assert batch.images is not None

        def judge(images: Tensor) -> Tensor:
            logits: Tensor = self.networks["discriminator"](self.networks["view"](images, rng), rng)
            return logits

        if phase == "generator":
            return game.generate(self.options, judge(self._generate(batch.images, rng)))
        with torch.no_grad():
            fake = self._generate(batch.images, rng)
        return game.discriminate(self.options, phase, judge, batch.images, fake, rng=rng)

    def after_step(self, phase: str, report: Report) -> None:
        """Clip the discriminator, adapt its view."""
        game.after_step(self.options, phase, report, self.networks)

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Generate N images, image i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, latent), row i from generator i."""
        return latents.normal(self.options.latent, rngs, truncation=self.options.truncation)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:  # noqa: ARG002
        """Generate an image from each latent."""
        return Sampled(self.networks["generator"](latents))

    def judge(self, batch: Batch) -> Tensor:
        """The discriminator's logits (N,) for images as they are, with all of its units."""
        logits: Tensor = self.networks["discriminator"](batch.images)
        return logits

    def _generate(self, like: Tensor, rng: Generator) -> Tensor:
        shape = (len(like), self.options.latent)
        drawn = torch.randn(shape, generator=rng, device=like.device)
        images: Tensor = self.networks["generator"](drawn)
        return images


class _Generator(nn.Module):
    """(N, latent) -> (N, C, *spatial) in [-1, 1]."""

    def __init__(self, shape: Shape, options: VanillaOptions) -> None:
        super().__init__()
        self._shape = (shape.channels, *shape.size)
        units = options.generator_units
        self.first = nn.Linear(options.latent, units)
        self.second = nn.Linear(units, units)
        self.pixels = nn.Linear(units, math.prod(self._shape))
        # What is drawn here shows as grain that a discriminator without neighbourhoods overlooks.
        nn.init.normal_(self.pixels.weight, 0.0, _FAINT)
        nn.init.zeros_(self.pixels.bias)

    def forward(self, latents: Tensor) -> Tensor:
        hidden = relu(self.second(relu(self.first(latents))))
        return torch.tanh(self.pixels(hidden)).reshape(-1, *self._shape)


class _Discriminator(nn.Module):
    """(N, C, *spatial) -> (N,) logits; hidden units are left out where a generator is given."""

    def __init__(self, shape: Shape, options: VanillaOptions) -> None:
        super().__init__()
        self._pieces, self._dropout = options.pieces, options.dropout
        units, pixels = options.discriminator_units, shape.channels * math.prod(shape.size)
        self.first = nn.Linear(pixels, units * options.pieces)
        self.second = nn.Linear(units, units * options.pieces)
        self.logit = nn.Linear(units, 1)
        if options.spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor, rng: Generator | None = None) -> Tensor:
        hidden = self._maxout(self.first(images.flatten(1)), rng)
        hidden = self._maxout(self.second(hidden), rng)
        logits: Tensor = self.logit(hidden).squeeze(1)
        return logits

    def _maxout(self, pieces: Tensor, rng: Generator | None) -> Tensor:
        """The greatest piece of each unit; PyTorch's own dropout would draw from the global state.

        Source: Goodfellow et al. 2013, equation in section 2.
        """
        units = pieces.reshape(len(pieces), -1, self._pieces).amax(2)
        if rng is None or self._dropout == 0.0:
            return units
        kept = torch.rand(units.shape, generator=rng, device=units.device) >= self._dropout
        return units * kept / (1.0 - self._dropout)
