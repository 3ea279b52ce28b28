"""Adversarial losses against their closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from pipeline.gan.losses import LOSSES

REAL = torch.tensor([0.0, 2.0])
FAKE = torch.tensor([-1.0, 0.5])


def sigmoid(logit):
    """1 / (1 + e^-logit)."""
    return 1 / (1 + math.exp(-logit))


def cross_entropy(target):
    """The discriminator's loss of the original game, from probabilities."""
    towards = [
        -target * math.log(sigmoid(x)) - (1 - target) * math.log(1 - sigmoid(x)) for x in (0, 2)
    ]
    away = [-math.log(1 - sigmoid(x)) for x in (-1, 0.5)]
    return sum(towards) / 2 + sum(away) / 2


DISCRIMINATOR = {
    "minimax": cross_entropy(1.0),
    "non_saturating": cross_entropy(1.0),
    "least_squares": 0.5 * ((1 + 1) / 2 + (1 + 0.25) / 2),
    "hinge": (1 + 0) / 2 + (0 + 1.5) / 2,
    "wasserstein": -0.25 - 1.0,
}
GENERATOR = {
    "minimax": (math.log(1 - sigmoid(-1)) + math.log(1 - sigmoid(0.5))) / 2,
    "non_saturating": -(math.log(sigmoid(-1)) + math.log(sigmoid(0.5))) / 2,
    "least_squares": 0.5 * (4 + 0.25) / 2,
    "hinge": 0.25,
    "wasserstein": 0.25,
}


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_discriminator_has_its_closed_form(name):
    """The formula of the paper, on four logits."""
    found = LOSSES[name].discriminator(REAL, FAKE, 0.0)
    assert found.item() == pytest.approx(DISCRIMINATOR[name], rel=1e-6)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_generator_has_its_closed_form(name):
    """The formula of the paper, on two logits."""
    assert LOSSES[name].generator(FAKE).item() == pytest.approx(GENERATOR[name], rel=1e-6)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_players_pull_logits_apart(name):
    """D raises real logits and lowers fake ones; G raises fake ones."""
    real = torch.zeros(2, requires_grad=True)
    fake = torch.full((2,), 0.25, requires_grad=True)
    LOSSES[name].discriminator(real, fake, 0.0).backward()
    assert real.grad.max() < 0 < fake.grad.min()
    judged = torch.full((2,), 0.25, requires_grad=True)
    LOSSES[name].generator(judged).backward()
    assert judged.grad.max() < 0


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_smoothing_moves_the_target_of_real_images(name):
    """With targets, D is content with real images at 1 - smoothing; without, nothing changes."""
    smoothed = LOSSES[name].discriminator(REAL, FAKE, 0.1)
    plain = LOSSES[name].discriminator(REAL, FAKE, 0.0)
    assert (smoothed != plain) == LOSSES[name].smooths
    if name in ("minimax", "non_saturating"):
        assert smoothed.item() == pytest.approx(cross_entropy(0.9), rel=1e-6)
        best = torch.full((1,), math.log(9.0), requires_grad=True)  # sigmoid(ln 9) = 0.9
        LOSSES[name].discriminator(best, FAKE, 0.1).backward()
        assert best.grad.item() == pytest.approx(0.0, abs=1e-6)


def test_saturating_generator_learns_least_when_it_is_worst():
    """The reason for the non-saturating loss: its gradient lives where D is sure."""
    slopes = {}
    for name in ("minimax", "non_saturating"):
        hopeless = torch.tensor([-10.0], requires_grad=True)
        LOSSES[name].generator(hopeless).backward()
        slopes[name] = abs(hopeless.grad.item())
    assert slopes["minimax"] == pytest.approx(sigmoid(-10), rel=1e-4)
    assert slopes["non_saturating"] == pytest.approx(sigmoid(10), rel=1e-4)
