"""CycleGAN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor
from torch.nn.functional import l1_loss

from pipeline.config import Count, NotNegative, Positive
from pipeline.gan import translation
from pipeline.gan.family import Batch, Decay, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.losses import LossName
from pipeline.gan.translation import Crossing, TranslationOptions
from pipeline.gan.translators import MaskedTranslator


class CycleganOptions(TranslationOptions):
    """What can be chosen; see `TranslationOptions` for the rest.

    Attributes:
        identity: Weight of the difference between an image and its translation into the domain
            that it is of already.
    """

    steps: Count = 800
    batch: Count = 16
    mirror: bool = True
    loss: LossName = "least_squares"
    learning_rate: Positive = 1e-3
    learning_rates: Mapping[str, Positive] = {}
    betas: tuple[Decay, Decay] = (0.5, 0.99)
    ema: Decay = 0.99
    cycle: NotNegative = 3.0
    identity: NotNegative = 0.5
    r1_gamma: NotNegative = 0.1


class Cyclegan:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = CycleganOptions
    conditional: ClassVar[bool] = False
    batches: ClassVar[str] = "unpaired"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: CycleganOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = translation.networks(shape, options, MaskedTranslator)

    def phases(self, step: int) -> Sequence[Phase]:
        """Steps of both sides."""
        return translation.phases(self.options, step)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the side minimises whose phase it is."""
        own, others = translation.domains(batch)
        if phase == "generator":
            return self._translate(own, others, rng)
        with torch.no_grad():
            crossing = translation.cross(self.networks, own, others)
        return translation.discriminate(self.options, phase, self.networks, crossing, rng=rng)

    def after_step(self, phase: str, report: Report) -> None:
        """Clip the discriminators, adapt their view."""
        translation.after_step(self.options, phase, report, self.networks)

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:  # noqa: ARG002
        """Translate N images; nothing is drawn."""
        return Sampled(self.networks["generator"](given.images))

    def judge(self, batch: Batch) -> Tensor:
        """Logits (N,) of images as they are, for belonging to the own class."""
        assert batch.images is not None
        return translation.judge(self.networks, batch.images)

    def _translate(self, own: Tensor, others: Tensor, rng: Generator) -> Report:
        """What both translators minimise; each sees both domains in one batch, which is faster."""
        generator, inverse = self.networks["generator"], self.networks["inverse"]
        to_own, same_own = generator(torch.cat([others, own])).chunk(2)
        to_others, same_others = inverse(torch.cat([own, others])).chunk(2)
        crossing = Crossing(own, others, to_own, to_others)
        terms = translation.deceive(self.options, self.networks, crossing, rng=rng)
        cycle = l1_loss(inverse(to_own), others) + l1_loss(generator(to_others), own)
        identity = l1_loss(same_own, own) + l1_loss(same_others, others)
        terms["cycle"] = self.options.cycle * cycle
        terms["identity"] = self.options.identity * identity
        return Report(terms, figures=translation.changed(crossing))
