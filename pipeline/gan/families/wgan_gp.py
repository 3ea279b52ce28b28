"""WGAN-GP: a critic that measures how far generated images are from real ones.

The critic's gap between real and generated images estimates the Wasserstein distance, as long as
its slope is bounded: by the gradient penalty, or with `clip_weights` by clipping as in the first
WGAN. The gap has no floor to saturate at, so that the generator gets a gradient however sure the
critic is. No layer of the critic normalises over a batch, since the penalty is for each image.

One model makes all classes, since the rare one has too few images to learn backgrounds and edges
from; the critic is told the class by projection, and judges images within their class. Defaults
differ from the paper where there are a few hundred images and a minute or two of one CPU thread:

- one critic step for one of the generator instead of five, so that a short training has enough
  steps of the generator; at a higher rate than the generator's, or with a weaker penalty, the
  critic's slopes grow and the two chase each other;
- a learning rate ten times higher that falls in the second half, Adam's longer memory of squared
  gradients, narrow networks, an average of the generator's weights, and a critic that sees
  everything shifted at random, so that it cannot learn its few images by heart.

Adam without momentum stands for the RMSProp of weight clipping.

Sources: Gulrajani et al. 2017, arXiv:1704.00028; weight clipping: Arjovsky et al. 2017,
arXiv:1701.07875; projection: Miyato and Koyama 2018, arXiv:1802.05637; differentiable
augmentation: Zhao et al. 2020, arXiv:2006.10738.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import model_validator
from torch import Generator, Tensor, nn

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan import game
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.losses import LossName
from pipeline.gan.networks.bodies import BodyOptions, DiscriminatorBody, LabelledGenerator
from pipeline.gan.networks.layers import spectrally_normalised
from pipeline.gan.view import View


class WganGpOptions(BodyOptions):
    """What can be chosen; see `BodyOptions` and `AdversarialOptions` for the rest.

    Attributes:
        embedding: Numbers that a class is told by.
    """

    steps: Count = 1200
    batch: Count = 16
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 1e-3
    decay_from: Share = 0.5
    betas: tuple[Decay, Decay] = (0.0, 0.99)
    loss: LossName = "wasserstein"
    gradient_penalty: NotNegative = 10.0
    embedding: Count = 16

    @model_validator(mode="before")
    @classmethod
    def _bound_once(cls, values: Any) -> Any:
        """Clipping replaces the penalty, and both at once were meant by nobody."""
        if not isinstance(values, Mapping) or not values.get("clip_weights"):
            return values
        if values.get("gradient_penalty"):
            raise ValueError("clip_weights: stands in for gradient_penalty; set one of them to 0")
        return {**values, "gradient_penalty": 0.0}


class WganGp:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = WganGpOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "labelled"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: WganGpOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = nn.ModuleDict(
            {
                "generator": LabelledGenerator(shape, options, embedding=options.embedding),
                "discriminator": _Critic(shape, options),
                "view": View(options),
            }
        )

    def phases(self, step: int) -> Sequence[Phase]:
        """The critic's steps, then one of the generator."""
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
        """Clip the critic, adapt its view."""
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

    @property
    def _generator(self) -> LabelledGenerator:
        generator = self.networks["generator"]
        assert isinstance(generator, LabelledGenerator)
        return generator

    def _generate(self, labels: Tensor, rng: Generator) -> Tensor:
        generator = self._generator
        images: Tensor = generator(generator.draw(labels, rng), labels)
        return images


class _Critic(nn.Module):
    """(N, C, *spatial) and (N,) class indices -> (N,): a part for all and one for the class."""

    def __init__(self, shape: Shape, options: WganGpOptions) -> None:
        super().__init__()
        self.body = DiscriminatorBody(shape, finest=options.ndf, widest=options.widest)
        # Without a bias: a constant cancels out of every difference.
        self.whole = nn.Linear(self.body.features, 1, bias=False)
        self.projection = nn.Embedding(shape.classes, self.body.features)
        nn.init.zeros_(self.projection.weight)
        if options.spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        found = self.body(images)
        logits: Tensor = self.whole(found).squeeze(1) + (self.projection(labels) * found).sum(1)
        return logits
