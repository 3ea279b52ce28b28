"""What keeps the critic's slope bounded, and what it is told."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from pipeline.gan.families.wgan_gp import WganGp, WganGpOptions
from pipeline.gan.family import Batch, Shape

SMALL = {"batch": 4, "ngf": 8, "ndf": 8, "widest": 16, "latent": 8}


def family(**options):
    """A small family of two classes."""
    torch.manual_seed(0)
    return WganGp(Shape(1, (16, 16), 2), WganGpOptions(**{**SMALL, **options}))


def batch():
    """Four images of two classes."""
    rng = torch.Generator().manual_seed(0)
    return Batch(torch.tensor([0, 1, 0, 1]), torch.rand(4, 1, 16, 16, generator=rng) * 2 - 1)


def rng():
    """A fresh generator."""
    return torch.Generator().manual_seed(1)


def test_the_critic_steps_k_times_for_one_of_the_generator():
    """Five of the critic as in the paper, where five are chosen."""
    rounds = family(discriminator_steps=5).phases(0)
    assert [(phase.name, phase.repeats) for phase in rounds] == [
        ("discriminator", 5),
        ("generator", 1),
    ]


def test_the_critic_minimises_the_negative_gap_and_the_penalty():
    """Loss and gap are opposites; the generator's loss has no penalty."""
    wgan = family()
    found = wgan.loss("discriminator", batch(), rng())
    assert set(found.terms) == {"discriminator", "gradient_penalty"}
    gap = found.figures["critic_gap"]
    assert found.terms["discriminator"].item() == pytest.approx(-gap.item(), rel=1e-4)
    assert set(wgan.loss("generator", batch(), rng()).terms) == {"generator"}


def test_the_penalty_brings_the_slope_towards_one():
    """After some critic steps on it alone the mean squared distance to one has fallen tenfold."""
    wgan = family()
    critic = wgan.networks["discriminator"]
    optimiser = torch.optim.Adam(critic.parameters(), 3e-3)
    found = []
    for _ in range(40):
        penalty = wgan.loss("discriminator", batch(), rng()).terms["gradient_penalty"]
        optimiser.zero_grad()
        penalty.backward()
        optimiser.step()
        found.append(penalty.item())
    assert found[-1] < 0.1 * found[0]


def test_clipping_stands_in_for_the_penalty():
    """With clip_weights the penalty is off, and no weight exceeds it after the critic's step."""
    wgan = family(clip_weights=0.02)
    assert wgan.options.gradient_penalty == 0.0
    report = wgan.loss("discriminator", batch(), rng())
    assert set(report.terms) == {"discriminator"}
    critic = wgan.networks["discriminator"]
    assert max(weight.abs().max() for weight in critic.parameters()) > 0.02
    wgan.after_step("discriminator", report)
    assert max(weight.abs().max() for weight in critic.parameters()) <= 0.02


def test_saved_options_with_clipping_are_read_again():
    """What was chosen for the penalty is written out, and still agrees with clipping."""
    options = WganGpOptions(clip_weights=0.02)
    assert WganGpOptions.model_validate(options.model_dump(mode="json")) == options


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ({"clip_weights": 0.02, "gradient_penalty": 10.0}, "set one of them to 0"),
        ({"gradient_penalty": 0.0}, "slope is bounded"),
    ],
)
def test_the_slope_is_bounded_in_one_way(chosen, complaint):
    """Neither two ways nor none."""
    with pytest.raises(ValidationError, match=complaint):
        WganGpOptions(**chosen)


def test_the_critic_judges_images_within_their_class():
    """Once the projection is learnt, the same image gets another value as another class."""
    critic = family().networks["discriminator"]
    images, labels = batch().images, torch.zeros(4, dtype=torch.int64)
    assert torch.equal(critic(images, labels), critic(images, labels + 1))
    torch.nn.init.normal_(critic.projection.weight, generator=rng())
    assert not torch.isclose(critic(images, labels), critic(images, labels + 1)).any()


def test_the_critic_judges_each_image_by_itself():
    """No statistic of a batch is in it: the penalty is for each image's own gradient."""
    critic = family().networks["discriminator"]
    images, labels = batch().images, batch().labels
    apart = torch.cat([critic(images[i : i + 1], labels[i : i + 1]) for i in range(4)])
    assert torch.allclose(critic(images, labels), apart, atol=1e-6)
