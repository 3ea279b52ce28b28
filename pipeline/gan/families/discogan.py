"""DiscoGAN, one model per class: turns images of the other classes into the model's own.

Two encoder-decoders, one there and one back, are to deceive a discriminator each, and to
reconstruct every image that has gone both ways. There is no identity term and nothing passes by
the code, so at equal width a step costs about 0.6 of CycleGAN's; in return the whole image is made
anew, and fine detail of the surroundings is lost with the rest. The default spends what is saved
on wider layers, without which the code says too little of the source.

The defaults differ from the paper where two classes have a few hundred small images and a model
about a minute: half of what a discriminator learns to reject is real images of the opposite
domain, the squared error of the reconstruction weighs 10, group instead of batch normalisation,
interpolation instead of transposed convolutions, R1, and Adam at 1e-3 and 2e-3 with averaged
weights.

Source: Kim et al. 2017, arXiv:1703.05192, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn.functional import mse_loss

from pipeline.config import Count, NotNegative
from pipeline.gan import translation
from pipeline.gan.family import Batch, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.translators import Recoder
from pipeline.gan.translation import TranslationOptions


class DiscoganOptions(TranslationOptions):
    """What can be chosen; see `TranslationOptions`."""

    ngf: Count = 16
    cycle: NotNegative = 10.0
    rivals: float = Field(default=0.5, ge=0.0, le=0.75)


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
