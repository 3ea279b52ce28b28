"""DiscoGAN: translation between classes by reconstruction alone, through a narrow code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor
from torch.nn.functional import mse_loss

from pipeline.config import Count, NotNegative, Positive
from pipeline.gan import translation
from pipeline.gan.family import Batch, Decay, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.translation import TranslationOptions
from pipeline.gan.translators import Recoder


class DiscoganOptions(TranslationOptions):
    """What can be chosen; see `TranslationOptions`."""

    steps: Count = 800
    batch: Count = 16
    mirror: bool = True
    learning_rate: Positive = 1e-3
    learning_rates: Mapping[str, Positive] = {}
    betas: tuple[Decay, Decay] = (0.5, 0.99)
    ema: Decay = 0.99
    cycle: NotNegative = 3.0
    r1_gamma: NotNegative = 0.1


class Discogan:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = DiscoganOptions
    conditional: ClassVar[bool] = False
    batches: ClassVar[str] = "unpaired"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: DiscoganOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = translation.networks(shape, options, Recoder)

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
        options, networks = self.options, self.networks
        crossing = translation.cross(networks, own, others)
        terms = translation.deceive(options, networks, crossing, rng=rng)
        back = networks["inverse"](crossing.to_own), networks["generator"](crossing.to_others)
        terms["reconstruction"] = options.cycle * (
            mse_loss(back[0], others) + mse_loss(back[1], own)
        )
        return Report(terms, figures=translation.changed(crossing))
