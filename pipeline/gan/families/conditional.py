"""A small class-conditional GAN with a projection discriminator, for a few hundred images.

One generator makes every class, so that what classes share (background, noise, sharpness) is
learnt from all images and a rare class needs only its difference. It is sized to learn within
minutes on a CPU: few channels, no normalisation in the discriminator, a high learning rate that
the R1 penalty and differentiable augmentation make safe.

Sources: projection: Miyato and Koyama 2018, arXiv:1802.05637; body: Radford et al. 2016,
arXiv:1511.06434; R1 and Adam's betas: Karras et al. 2020, arXiv:1912.04958; differentiable
augmentation: Zhao et al. 2020, arXiv:2006.10738.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import leaky_relu

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan import game
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.bodies import SLOPE, BodyOptions, LabelledGenerator
from pipeline.gan.networks.layers import (
    Pyramid,
    downs,
    spectrally_normalised,
    widths,
)
from pipeline.gan.view import View


class ConditionalOptions(BodyOptions):
    """What can be chosen; see `BodyOptions` and `AdversarialOptions` for the rest.

    Attributes:
        embedding: Numbers that a class is told by.
    """

    steps: Count = 1200
    batch: Count = 16
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 1e-3
    learning_rates: Mapping[str, Positive] = {"discriminator": 2e-3}
    decay_from: Share = 0.5
    betas: tuple[Decay, Decay] = (0.0, 0.99)
    embedding: Count = 16
    r1_gamma: NotNegative = 0.1


class Conditional:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = ConditionalOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "labelled"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: ConditionalOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = nn.ModuleDict(
            {
                "generator": LabelledGenerator(shape, options, embedding=options.embedding),
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
        labels = batch.labels

        def judge(images: Tensor) -> Tensor:
            told = labels.repeat(len(images) // len(labels))
            logits: Tensor = self.networks["discriminator"](
                self.networks["view"](images, rng), told
            )
            return logits

        if phase == "generator":
            return game.generate(self.options, judge(self._generate(labels, rng)))
        with torch.no_grad():
            fake = self._generate(labels, rng)
        return game.discriminate(self.options, phase, judge, batch.images, fake, rng=rng)

    def after_step(self, phase: str, report: Report) -> None:
        """Clip the discriminator, adapt its view."""
        game.after_step(self.options, phase, report, self.networks)

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Generate N images, image i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, latent and noise), row i from generator i."""
        return self._generator.draw_each(rngs, self.options.truncation)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:
        """Generate an image of the given class from each latent."""
        return Sampled(self.networks["generator"](latents, given.labels))

    def judge(self, batch: Batch) -> Tensor:
        """The discriminator's logits (N,) for images as they are."""
        logits: Tensor = self.networks["discriminator"](batch.images, batch.labels)
        return logits

    @property
    def _generator(self) -> LabelledGenerator:
        generator = self.networks["generator"]
        assert isinstance(generator, LabelledGenerator)
        return generator

    def _generate(self, labels: Tensor, rng: Generator) -> Tensor:
        generator = self._generator
        images: Tensor = generator(generator.draw(labels, rng), labels)
        return images


class _Discriminator(nn.Module):
    """(N, C, *spatial) and (N,) class indices -> (N,) logits: unconditional part + projection."""

    def __init__(self, shape: Shape, options: ConditionalOptions) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides[::-1]
        channels = widths(len(strides), options.ndf, options.widest)[::-1]
        self.downs = downs(dims, [shape.channels, *channels], strides)
        self.whole = nn.Linear(channels[-1] * math.prod(self.pyramid.base), 1)
        self.projection = nn.Embedding(shape.classes, channels[-1])
        nn.init.zeros_(self.projection.weight)
        if options.spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        found = self.pyramid.pad(images)
        for step in self.downs:
            found = leaky_relu(step(found), SLOPE)
        places = found.flatten(2)
        # The sum over places grows with their number; its root keeps the two parts of one size.
        summed = places.sum(2) / math.sqrt(places.shape[2])
        projected = (self.projection(labels) * summed).sum(1)
        logits: Tensor = self.whole(places.flatten(1)).squeeze(1) + projected
        return logits
