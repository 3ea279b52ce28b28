"""The game's phases and both players' losses, of judges and images that are known."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from pipeline.gan import game
from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.family import Report
from pipeline.gan.view import View

REAL = torch.full((4, 1, 1, 2), 0.5)
FAKE = torch.full((4, 1, 1, 2), -1.0)


def total(images):
    """A judge with the gradient (1, 1) everywhere: 1 for real images, -2 for generated ones."""
    return images.flatten(1).sum(1)


def rng():
    """A fresh generator."""
    return torch.Generator().manual_seed(0)


def names(options, step):
    """Phases with their repeats, in order."""
    return [(phase.name, phase.repeats) for phase in game.phases(options, step)]


@pytest.mark.parametrize(
    ("chosen", "at_0", "at_1"),
    [
        ({}, [("discriminator", 1)], [("discriminator", 1)]),
        ({"discriminator_steps": 5}, [("discriminator", 5)], [("discriminator", 5)]),
        ({"r1_gamma": 0.1, "r1_every": 3}, [("discriminator_r1", 1)], [("discriminator", 1)]),
        (
            {"r1_gamma": 0.1, "r1_every": 3, "discriminator_steps": 2},
            [("discriminator_r1", 1), ("discriminator", 1)],
            [("discriminator", 2)],
        ),
        ({"r1_gamma": 0.1, "r1_every": 1}, [("discriminator_r1", 1)], [("discriminator_r1", 1)]),
    ],
)
def test_rounds_have_the_chosen_steps(chosen, at_0, at_1):
    """As many discriminator steps as chosen, R1 in place of one of them, then one generator's."""
    options = AdversarialOptions(**chosen)
    assert names(options, 0) == [*at_0, ("generator", 1)]
    assert names(options, 1) == [*at_1, ("generator", 1)]


def test_r1_comes_every_so_often():
    """In rounds 0, 3 and 6 of 8."""
    options = AdversarialOptions(r1_gamma=0.1, r1_every=3)
    lazy = [step for step in range(8) if names(options, step)[0][0] == "discriminator_r1"]
    assert lazy == [0, 3, 6]


def test_phases_train_the_networks_of_their_player():
    """Players may have several networks each."""
    first, last = game.phases(
        AdversarialOptions(), 0, generator=("draw", "refine"), discriminator=("near", "far")
    )
    assert (first.trains, last.trains) == (("near", "far"), ("draw", "refine"))


def test_the_discriminator_minimises_its_loss():
    """Cross-entropy of the logits 1 and -2, which the report tells as well."""
    found = game.discriminate(AdversarialOptions(), "discriminator", total, REAL, FAKE, rng=rng())
    expected = math.log1p(math.exp(-1.0)) + math.log1p(math.exp(-2.0))
    assert list(found.terms) == ["discriminator"]
    assert found.terms["discriminator"].item() == pytest.approx(expected, rel=1e-6)
    assert found.real_logits.tolist() == [1.0] * 4
    assert found.fake_logits.tolist() == [-2.0] * 4


def test_smoothing_reaches_the_loss():
    """With the target 0.9 a tenth of a real image's loss pulls the other way: 0.1 times 1."""
    plain, smooth = (
        game.discriminate(
            AdversarialOptions(smoothing=smoothing), "discriminator", total, REAL, FAKE, rng=rng()
        ).terms["discriminator"]
        for smoothing in (0.0, 0.1)
    )
    assert (smooth - plain).item() == pytest.approx(0.1, rel=1e-5)


def test_lazy_r1_keeps_its_mean_strength():
    """Half of |(1, 1)|^2 is 1; gamma 0.5 every 8th round is weighted 4, in its phase only."""
    options = AdversarialOptions(r1_gamma=0.5, r1_every=8)
    with_r1, without = (
        game.discriminate(options, phase, total, REAL, FAKE, rng=rng()).terms
        for phase in ("discriminator_r1", "discriminator")
    )
    assert with_r1["r1"].item() == pytest.approx(4.0, rel=1e-6)
    assert "r1" not in without


def test_gradient_penalty_is_weighted():
    """10 times (sqrt(2) - 1)^2."""
    options = AdversarialOptions(gradient_penalty=10.0)
    found = game.discriminate(options, "discriminator", total, REAL, FAKE, rng=rng())
    expected = 10.0 * (math.sqrt(2.0) - 1.0) ** 2
    assert found.terms["gradient_penalty"].item() == pytest.approx(expected, rel=1e-5)


def test_a_critic_reports_its_gap_in_place_of_logits():
    """Logits of a Wasserstein critic have no zero, so that D(x) would mean nothing; 1 - -2 is 3."""
    options = AdversarialOptions(loss="wasserstein", gradient_penalty=10.0)
    found = game.discriminate(options, "discriminator", total, REAL, FAKE, rng=rng())
    assert found.terms["discriminator"].item() == pytest.approx(-3.0)
    assert found.figures["critic_gap"].item() == pytest.approx(3.0)
    assert found.real_logits is None and found.fake_logits is None


def test_least_squares_logits_are_told_about_their_middle():
    """Its targets are 1 and 0, so that an undecided image has the logit 0.5."""
    options = AdversarialOptions(loss="least_squares")
    found = game.discriminate(options, "discriminator", total, REAL, FAKE, rng=rng())
    assert found.real_logits.tolist() == [0.5] * 4


@pytest.mark.parametrize(("together", "sizes"), [(True, [8]), (False, [4, 4])])
def test_judges_together_or_apart(together, sizes):
    """One batch of both, or one of each, so that batch statistics need not mix."""
    asked = []

    def judge(images):
        asked.append(len(images))
        return total(images)

    game.discriminate(
        AdversarialOptions(), "discriminator", judge, REAL, FAKE, rng=rng(), together=together
    )
    assert asked == sizes


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("non_saturating", math.log1p(math.exp(2.0))),
        ("minimax", -math.log1p(math.exp(-2.0))),
        ("least_squares", 4.5),
        ("hinge", 2.0),
        ("wasserstein", 2.0),
    ],
)
def test_the_generator_minimises_its_loss(loss, expected):
    """Of the logit -2."""
    options = AdversarialOptions(loss=loss, gradient_penalty=10.0)
    found = game.generate(options, total(FAKE))
    assert found.terms["generator"].item() == pytest.approx(expected, rel=1e-6)


@pytest.fixture
def networks():
    """Makes a discriminator of weights 0.5 and -2 and its view."""

    def make(options):
        critic = nn.Linear(2, 1, bias=False)
        critic.weight.data = torch.tensor([[0.5, -2.0]])
        return nn.ModuleDict({"discriminator": critic, "view": View(options)})

    return make


def test_clips_the_discriminators_weights_after_its_steps(networks):
    """What is beyond 0.6 is put to 0.6; a generator's step changes nothing."""
    options = AdversarialOptions(clip_weights=0.6)
    both = networks(options)
    game.after_step(options, "generator", Report({}), both)
    assert both["discriminator"].weight.tolist() == [[0.5, -2.0]]
    game.after_step(options, "discriminator", Report({}), both)
    assert both["discriminator"].weight[0].tolist() == pytest.approx([0.5, -0.6])


def test_leaves_weights_alone_by_default(networks):
    """No clipping, unless it is chosen."""
    options = AdversarialOptions()
    both = networks(options)
    game.after_step(options, "discriminator", Report({}), both)
    assert both["discriminator"].weight.tolist() == [[0.5, -2.0]]


def test_the_view_follows_discriminator_steps(networks):
    """Its count goes up with each of them, R1 or not, and with none of the generator's."""
    options = AdversarialOptions()
    both = networks(options)
    for phase in ("discriminator_r1", "discriminator", "generator"):
        game.after_step(options, phase, Report({}, torch.ones(4), torch.ones(4)), both)
    assert int(both["view"].seen) == 2


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ({}, "gradient_penalty"),
        ({"gradient_penalty": 10.0, "adaptive_target": 0.6}, "adaptive_target"),
    ],
)
def test_a_wasserstein_critic_must_be_bounded_and_has_no_sign(chosen, complaint):
    """Such options are refused, with what to set."""
    with pytest.raises(ValidationError, match=complaint):
        AdversarialOptions(loss="wasserstein", **chosen)


def test_real_images_that_are_mismatched_are_fakes():
    """Cross-entropy of the logits 1, -2 and 3, a quarter of the fakes' loss being the last's."""
    found = game.discriminate(
        AdversarialOptions(),
        "discriminator",
        total,
        REAL,
        FAKE,
        rng=rng(),
        mismatched=lambda images: 3.0 * total(images),
        matching=0.25,
    )
    fakes = 0.75 * math.log1p(math.exp(-2.0)) + 0.25 * math.log1p(math.exp(3.0))
    expected = math.log1p(math.exp(-1.0)) + fakes
    assert found.terms["discriminator"].item() == pytest.approx(expected, rel=1e-6)
