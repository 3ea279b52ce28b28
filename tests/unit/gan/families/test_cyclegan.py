"""CycleGAN's loss with translators that are known, and what it learns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.gan import optimisers as optimising
from pipeline.gan.families.cyclegan import Cyclegan, CycleganOptions
from pipeline.gan.family import Batch, Shape

OPTIONS = {"ngf": 8, "ndf": 8, "widest": 16, "cycle": 2.0, "identity": 3.0, "augmentation": ()}


class Negative(nn.Module):
    """Turns black into white; it is its own inverse."""

    def forward(self, images):
        """The negative."""
        return -images


def batch(own, others):
    """Four flat images of either domain."""
    shape = (4, 1, 8, 8)
    return Batch(
        torch.zeros(4), torch.full(shape, own), extra={"sources": torch.full(shape, others)}
    )


def terms(translator):
    """What the translators minimise with one that is used both ways."""
    family = Cyclegan(Shape(1, (8, 8), 1), CycleganOptions(**OPTIONS))
    family.networks["generator"] = family.networks["inverse"] = translator
    report = family.loss("generator", batch(0.5, -0.25), torch.Generator())
    return {name: term.item() for name, term in {**report.terms, **report.figures}.items()}


def test_changing_nothing_costs_nothing_but_the_game():
    """The failure mode: cycle and identity are content, and only discriminators are not."""
    found = terms(nn.Identity())
    assert (found["cycle"], found["identity"], found["changed"]) == (0.0, 0.0, 0.0)
    assert found["generator"] > 0


def test_a_translation_that_can_be_undone_costs_its_identity_only():
    """Own images at 0.5 are changed by 1, others at -0.25 by 0.5: three times their sum."""
    found = terms(Negative())
    assert found["cycle"] == 0.0
    assert found["identity"] == pytest.approx(3 * (1 + 0.5))
    assert found["changed"] == pytest.approx(0.5)


def test_what_cannot_be_undone_costs_its_cycle():
    """Everything becomes black: twice the distances of 0.5 and of -0.25 from -1."""

    class Black(nn.Module):
        def forward(self, images):
            return 0 * images - 1

    assert terms(Black())["cycle"] == pytest.approx(2 * (1.5 + 0.75))


def test_learns_to_make_dark_images_bright():
    """After 30 steps the translations of dark noise are brighter than grey."""
    torch.manual_seed(0)
    family = Cyclegan(Shape(1, (8, 8), 1), CycleganOptions(ngf=8, ndf=8, widest=16, ema=0.5))
    rng = torch.Generator().manual_seed(0)
    noise = 0.2 * torch.rand((4, 1, 8, 8), generator=rng)
    dark = Batch(torch.zeros(4), noise + 0.6, extra={"sources": noise.flip(0) - 0.8})
    optimisers = optimising.build(family.networks, family.options, "here")
    for step in range(30):
        for phase in family.phases(step):
            for name, network in family.networks.items():
                network.requires_grad_(name in phase.trains)
            sum(family.loss(phase.name, dark, rng).terms.values()).backward()
            for name in phase.trains:
                optimisers[name].step()
                optimisers[name].zero_grad()
    made = family.sample(Batch(torch.zeros(4), dark.extra["sources"]), []).images
    assert made.mean().item() > 0
