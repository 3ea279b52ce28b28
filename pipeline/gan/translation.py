"""Translation between two domains: the game of two translators and two discriminators.

`generator` turns images of the other classes into the own one and `inverse` goes back;
`discriminator` knows the own class, `inverse_discriminator` the others. Families differ in the
translators and in what keeps a translated image related to its source.

A translator that changes nothing makes perfectly real images, of the wrong class. Discriminators
are therefore shown some real images of the opposite domain among what they learn to reject, so
that they look for the class and not for traces of translation only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from pipeline.config import Count, NotNegative, Positive
from pipeline.gan import game
from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.diets.unpaired import SOURCES, UnpairedOptions
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Shape
from pipeline.gan.networks.translators import DomainDiscriminator, Judged
from pipeline.gan.view import View

GENERATORS = ("generator", "inverse")
DISCRIMINATORS = ("discriminator", "inverse_discriminator")


class TranslationOptions(AdversarialOptions, UnpairedOptions):
    """What can be chosen in every family that translates between classes.

    Attributes:
        ngf: Channels of the translators' finest level; they double at each coarser one.
        ndf: The same of the discriminators.
        widest: The most channels of any level.
        cycle: Weight of the difference between an image and its translation back.
        rivals: Share of real images of the opposite domain among what a discriminator learns to
            reject; without any, a translator may come away with changing nothing, and with many
            it avoids all that the classes have in common.
        judged: Whether a discriminator judges the image as a `whole` or its `patches`.
    """

    steps: Count = 600
    batch: Count = 8
    mirror: Mirror = True
    learning_rate: Positive = 1e-3
    learning_rates: Mapping[str, Positive] = dict.fromkeys(DISCRIMINATORS, 2e-3)
    betas: tuple[Decay, Decay] = (0.0, 0.99)
    ema: Decay = 0.99
    r1_gamma: NotNegative = 0.1
    ngf: Count = 8
    ndf: Count = 32
    widest: Count = 128
    cycle: NotNegative = 1.0
    rivals: float = Field(default=0.25, ge=0.0, le=0.75)
    judged: Judged = "whole"


@dataclass(frozen=True)
class Crossing:
    """A batch on its way to the opposite domain.

    Args:
        own: Images of the own class, (N, C, *spatial).
        others: Images of the other classes, as many.
        to_own: `others` translated.
        to_others: `own` translated.
    """

    own: Tensor
    others: Tensor
    to_own: Tensor
    to_others: Tensor


def networks(
    shape: Shape, options: TranslationOptions, translator: Callable[[Shape, int, int], nn.Module]
) -> nn.ModuleDict:
    """Build two translators, two discriminators and their common view."""

    def discriminator() -> nn.Module:
        return DomainDiscriminator(
            shape, options.ndf, options.widest, options.judged, spectral_norm=options.spectral_norm
        )

    return nn.ModuleDict(
        {
            **{name: translator(shape, options.ngf, options.widest) for name in GENERATORS},
            **{name: discriminator() for name in DISCRIMINATORS},
            "view": View(options),
        }
    )


def phases(options: TranslationOptions, step: int) -> tuple[Phase, ...]:
    """Steps of both discriminators, then one of both translators."""
    return game.phases(options, step, generator=GENERATORS, discriminator=DISCRIMINATORS)


def domains(batch: Batch) -> tuple[Tensor, Tensor]:
    """Images of the own class and of the others."""
    assert batch.images is not None
    return batch.images, batch.extra[SOURCES]


def cross(networks: nn.ModuleDict, own: Tensor, others: Tensor) -> Crossing:
    """Translate both ways."""
    return Crossing(own, others, networks["generator"](others), networks["inverse"](own))


def discriminate(
    options: TranslationOptions,
    phase: str,
    networks: nn.ModuleDict,
    crossing: Crossing,
    *,
    rng: Generator,
) -> Report:
    """What both discriminators minimise.

    Args:
        options: The family's.
        phase: `discriminator` or `discriminator_r1`.
        networks: As `networks` built them.
        crossing: Without gradients.
        rng: On the images' device.

    Returns:
        Terms `discriminator`, `inverse_discriminator` and their penalties; logits of both, of the
        translated images alone among the rejected.
    """
    count = int(options.rivals * len(crossing.own))
    parts = (
        ("", DISCRIMINATORS[0], crossing.own, crossing.to_own, crossing.others),
        ("inverse_", DISCRIMINATORS[1], crossing.others, crossing.to_others, crossing.own),
    )
    terms: dict[str, Tensor] = {}
    real_logits, fake_logits = [], []
    for prefix, name, real, made, opposite in parts:
        rejected = torch.cat([opposite[:count], made[count:]])
        judge = _judge(networks, name, rng)
        report = game.discriminate(options, phase, judge, real, rejected, rng=rng)
        terms |= {f"{prefix}{term}": value for term, value in report.terms.items()}
        if report.real_logits is not None and report.fake_logits is not None:
            real_logits.append(report.real_logits)
            fake_logits.append(report.fake_logits[count:])
    if not real_logits:
        return Report(terms)
    return Report(terms, torch.cat(real_logits), torch.cat(fake_logits))


def deceive(
    options: TranslationOptions, networks: nn.ModuleDict, crossing: Crossing, *, rng: Generator
) -> dict[str, Tensor]:
    """What the translators minimise against the discriminators: `generator`, `inverse`."""
    terms = {}
    for name, judge, made in zip(
        GENERATORS, DISCRIMINATORS, (crossing.to_own, crossing.to_others), strict=True
    ):
        logits = _judge(networks, judge, rng)(made)
        terms[name] = game.generate(options, logits).terms["generator"]
    return terms


def changed(crossing: Crossing) -> dict[str, Tensor]:
    """How far a source is from its translation: near 0, nothing is translated."""
    return {"changed": (crossing.to_own - crossing.others).abs().mean()}


def after_step(
    options: TranslationOptions, phase: str, report: Report, networks: nn.ModuleDict
) -> None:
    """Clip both discriminators' weights, adapt their view."""
    game.after_step(options, phase, report, networks, discriminators=DISCRIMINATORS)


def judge(networks: nn.ModuleDict, images: Tensor) -> Tensor:
    """Logits (N,) of images as they are, for belonging to the own class."""
    logits: Tensor = networks["discriminator"](images)
    return logits.reshape(len(images), -1).mean(1)


def _judge(networks: nn.ModuleDict, name: str, rng: Generator) -> game.Judge:
    """A discriminator behind the view."""

    def judge(images: Tensor) -> Tensor:
        logits: Tensor = networks[name](networks["view"](images, rng))
        return logits

    return judge
