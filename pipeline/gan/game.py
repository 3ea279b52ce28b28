"""The game of a generator and a discriminator: its phases and both players' losses.

Families differ in networks and in what a discriminator is told; loss, penalties, label smoothing,
number of discriminator steps and what the discriminator sees images through are chosen by name
`AdversarialOptions`, and acted on here for all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.family import Phase, Report
from pipeline.gan.losses import LOSSES
from pipeline.gan.penalties import gradient_penalty, r1
from pipeline.gan.view import View

Judge = Callable[[Tensor], Tensor]


def phases(
    options: AdversarialOptions,
    step: int,
    *,
    generator: tuple[str, ...] = ("generator",),
    discriminator: tuple[str, ...] = ("discriminator",),
) -> tuple[Phase, ...]:
    """The discriminator's steps, the first of some rounds with R1, then one of the generator.

    Args:
        options: The family's.
        step: The round, counted from 0.
        generator: The networks that the generator's step changes.
        discriminator: The networks that the discriminator's steps change.

    Returns:
        Phases called `discriminator_r1`, `discriminator` and `generator`.
    """
    lazy = options.r1_gamma > 0 and step % options.r1_every == 0
    plain = options.discriminator_steps - lazy
    return (
        *([Phase("discriminator_r1", discriminator)] if lazy else []),
        *([Phase("discriminator", discriminator, repeats=plain)] if plain else []),
        Phase("generator", generator),
    )


def discriminate(
    options: AdversarialOptions,
    phase: str,
    judge: Judge,
    real: Tensor,
    fake: Tensor,
    *,
    rng: Generator,
    together: bool = True,
    mismatched: Judge | None = None,
    matching: float = 0.5,
) -> Report:
    """What the discriminator minimises in one of its phases.

    Args:
        options: The family's.
        phase: `discriminator`, or `discriminator_r1` with the penalty.
        judge: Shows images (N, C, *spatial) to the discriminator, (N,) logits. It is asked for
            2N images, real ones first, if they are judged together.
        real: Real images, (N, C, *spatial), in [-1, 1].
        fake: Generated ones, as many, without a gradient.
        rng: On the images' device.
        together: Judge real and generated images in one batch; apart where batch statistics must
            not mix.
        mismatched: Shows real images as what they are not, for a discriminator that is told what
            images should be: they are fakes too (Reed et al. 2016, arXiv:1605.05396, algorithm 1).
        matching: The share of the fakes' loss that is theirs.
    """
    if together:
        real_logits, fake_logits = judge(torch.cat([real, fake])).chunk(2)
    else:
        real_logits, fake_logits = judge(real), judge(fake)
    loss = LOSSES[options.loss]
    terms = {"discriminator": loss.discriminator(real_logits, fake_logits, options.smoothing)}
    if mismatched is not None and matching > 0:
        against = loss.discriminator(real_logits, mismatched(real), options.smoothing)
        terms["discriminator"] = torch.lerp(terms["discriminator"], against, matching)
    if phase == "discriminator_r1":
        terms["r1"] = options.r1_gamma * options.r1_every * r1(judge, real)
    if options.gradient_penalty > 0:
        penalty = gradient_penalty(judge, real, fake, rng=rng)
        terms["gradient_penalty"] = options.gradient_penalty * penalty
    if loss.middle is None:
        # D(x) would be the sigmoid of a logit whose zero is anywhere.
        return Report(terms, figures={"critic_gap": (real_logits - fake_logits).detach().mean()})
    return Report(terms, real_logits - loss.middle, fake_logits - loss.middle)


def generate(options: AdversarialOptions, fake_logits: Tensor) -> Report:
    """What the generator minimises, given the discriminator's logits on its images."""
    return Report({"generator": LOSSES[options.loss].generator(fake_logits)})


@torch.no_grad()
def after_step(
    options: AdversarialOptions,
    phase: str,
    report: Report,
    networks: nn.ModuleDict,
    *,
    discriminators: tuple[str, ...] = ("discriminator",),
) -> None:
    """Clip the discriminator's weights and steer its view, after one of its steps.

    Args:
        options: The family's.
        phase: Whose step it was.
        report: What it found.
        networks: With the discriminators and their `view`.
        discriminators: Names of those whose weights are clipped.
    """
    if not phase.startswith("discriminator"):
        return
    if options.clip_weights > 0:
        for name in discriminators:
            for weight in networks[name].parameters():
                weight.clamp_(-options.clip_weights, options.clip_weights)
    view = networks["view"]
    assert isinstance(view, View)
    view.follow(report.real_logits)
