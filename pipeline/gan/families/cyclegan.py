"""CycleGAN, one model per class: turns images of the other classes into the model's own.

Of two translators one makes images of the own class out of images of the others, and one goes
back. Each is to deceive a discriminator of its domain; what comes back after both is to be the
source again (cycle), and an image that is of the right domain already is to be left alone
(identity). With many scans of a common class and few of a rare one, it turns the former into the
latter, in the surroundings of real patients. Every image names the scan that it was made from.

The paper translates photographs for days; the defaults differ where two classes have a few hundred
small images and a model about a minute:

- the cycle weighs 1 and the identity 0.2 instead of 10 and 5: already with 3 and 0.5, and least
  squares, translators learnt to change nothing, and every image kept the class of its source;
- a quarter of what a discriminator learns to reject is real images of the opposite domain;
- the non-saturating loss with R1 instead of least squares, whose gradient is weaker
  (`loss: least_squares` is the paper's), and no store of earlier translations;
- a narrow U-Net that paints over the source by a mask, where the paper has a residual network at
  full width, and discriminators that judge the whole image (`judged: patches` is the paper's),
  since a class is a matter of the whole;
- batches of 8, Adam at 1e-3 and 2e-3 with betas (0, 0.99), averaged weights, and discriminators
  that see everything shifted at random.

Source: Zhu et al. 2017, arXiv:1703.10593, section 3; identity: section 5.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor
from torch.nn.functional import l1_loss

from pipeline.config import NotNegative
from pipeline.gan import translation
from pipeline.gan.family import Batch, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.translators import MaskedTranslator
from pipeline.gan.translation import Crossing, TranslationOptions


class CycleganOptions(TranslationOptions):
    """What can be chosen; see `TranslationOptions` for the rest.

    Attributes:
        identity: Weight of the difference between an image and its translation into the domain
            that it is of already.
    """

    identity: NotNegative = 0.2


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
