"""Conditional GAN: the class goes into both networks as an input, and that is all.

The generator is fed a latent and the class's one-hot code. The discriminator describes the image
with convolutions, and a hidden layer of units meets that description and the class at once, as in
the paper. It must so find out by itself that an image can be real and yet wrong for its class,
which `conditional` builds in as a projection and `acgan` as a task.

Defaults differ from the paper, which has fully connected networks for 60,000 digits: convolutional
bodies, narrow ones, Adam with rates that fall to zero in the second half, R1 and a discriminator
that sees everything shifted, to learn from a few hundred images within minutes.

Sources: Mirza and Osindero 2014, arXiv:1411.1784, equation 2 and section 4.1; bodies: Radford et
al. 2016, arXiv:1511.06434; R1: Mescheder et al. 2018, arXiv:1801.04406; differentiable
augmentation: Zhao et al. 2020, arXiv:2006.10738.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import leaky_relu

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan import game
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.bodies import SLOPE, BodyOptions, DiscriminatorBody, LabelledGenerator
from pipeline.gan.networks.layers import spectrally_normalised
from pipeline.gan.view import View


class CganOptions(BodyOptions):
    """What can be chosen; see `BodyOptions` and `AdversarialOptions` for the rest.

    Attributes:
        hidden: Units of the discriminator's layer in which image and class meet.
    """

    steps: Count = 1500
    batch: Count = 16
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 1e-3
    learning_rates: Mapping[str, Positive] = {"discriminator": 2e-3}
    betas: tuple[Decay, Decay] = (0.0, 0.99)
    decay_from: Share = 0.5
    hidden: Count = 128
    r1_gamma: NotNegative = 0.1


class Cgan:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = CganOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "labelled"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: CganOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = nn.ModuleDict(
            {
                "generator": LabelledGenerator(shape, options),
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
            seen = self.networks["view"](images, rng)
            logits: Tensor = self.networks["discriminator"](seen, told)
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
        """Generate N images, image i of class i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, latent and noise), row i from generator i."""
        return self._generator.draw_each(rngs, self.options.truncation)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:
        """Generate an image of the given class from each latent."""
        return Sampled(self.networks["generator"](latents, given.labels))

    def judge(self, batch: Batch) -> Tensor:
        """The discriminator's logits (N,) for images as they are, each as of its class."""
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
    """(N, C, *spatial) and (N,) class indices -> (N,) logits; the class joins in a hidden layer."""

    def __init__(self, shape: Shape, options: CganOptions) -> None:
        super().__init__()
        self.body = DiscriminatorBody(shape, finest=options.ndf, widest=options.widest)
        # What a layer makes of features and a one-hot code is a sum of what it makes of each.
        self.found = nn.Linear(self.body.features, options.hidden)
        self.told = nn.Embedding(shape.classes, options.hidden)
        self.logit = nn.Linear(options.hidden, 1)
        if options.spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        joined = leaky_relu(self.found(self.body(images)) + self.told(labels), SLOPE)
        logits: Tensor = self.logit(joined).squeeze(1)
        return logits
