"""What a discriminator sees images through, and how that changes in a training."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.view import View

IMAGES = torch.rand(16, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
SURE = torch.full((32,), 3.0)
UNSURE = torch.cat([torch.full((16,), 3.0), torch.full((16,), -3.0)])


def rng(seed=1):
    """A fresh generator."""
    return torch.Generator().manual_seed(seed)


def adaptive(**chosen):
    """A view that in 2,000 images of 32 a step may go from never to always."""
    return View(AdversarialOptions(batch=32, adaptive_target=0.6, adaptive_images=2000.0, **chosen))


def follow(view, logits, steps):
    """Let a number of steps pass."""
    for _ in range(steps):
        view.follow(logits)
    return float(view.probability)


def test_a_fixed_view_augments_always():
    """Without a target all images are moved from the start, whatever logits come."""
    view = View(AdversarialOptions(augmentation=("brightness",)))
    assert follow(view, SURE, 8) == 1.0
    assert not (view(IMAGES, rng()) == IMAGES).flatten(1).all(1).any()


def test_without_policies_images_stay_as_they_are():
    """No augmentation and no noise is the identity."""
    assert torch.equal(View(AdversarialOptions(augmentation=()))(IMAGES, rng()), IMAGES)


def test_the_probability_rises_where_real_images_are_sure():
    """From 0 by 32 / 2000 a step, told every fourth: 0.128 after eight."""
    view = adaptive()
    assert float(view.probability) == 0.0
    assert follow(view, SURE, 3) == 0.0
    assert follow(view, SURE, 5) == pytest.approx(8 * 32 / 2000)


def test_the_probability_falls_where_they_are_not():
    """As fast as it rises, and never below 0."""
    view = adaptive()
    follow(view, SURE, 8)
    assert follow(view, UNSURE, 4) == pytest.approx(4 * 32 / 2000)
    assert follow(view, UNSURE, 40) == 0.0


def test_the_probability_stops_before_augmentations_leak():
    """At 0.8, however sure the discriminator is."""
    assert follow(adaptive(), SURE, 400) == pytest.approx(0.8)


def test_the_target_divides_sure_from_unsure():
    """A mean sign of 0.5 is below 0.6 and above 0.4."""
    logits = torch.tensor([1.0, 1.0, 1.0, -1.0])
    low, high = (
        View(AdversarialOptions(adaptive_target=target, adaptive_images=1000.0))
        for target in (0.4, 0.6)
    )
    assert follow(low, logits, 4) > 0.0
    assert follow(high, logits, 4) == 0.0


def test_an_adaptive_view_touches_images_with_its_probability():
    """None at 0; at 0.128 an eighth of 400, within 4.5 standard deviations of sqrt(400 p q)."""
    view = adaptive(augmentation=("brightness",))
    many = IMAGES.repeat(25, 1, 1, 1)
    assert torch.equal(view(many, rng()), many)
    probability = follow(view, SURE, 8)
    touched = int((view(many, rng()) != many).flatten(1).any(1).sum())
    expected, spread = 400 * probability, (400 * probability * (1 - probability)) ** 0.5
    assert abs(touched - expected) < 4.5 * spread


def test_a_critics_steps_are_counted_only():
    """Without logits the noise still goes on falling, the probability stays."""
    view = adaptive()
    view.follow(None)
    assert (int(view.seen), float(view.probability), float(view.sign)) == (1, 0.0, 0.0)


def test_the_state_lies_in_buffers():
    """A view that is loaded in mid-count goes on as the one that was saved."""
    view = adaptive(instance_noise=0.1)
    follow(view, SURE, 6)
    other = adaptive(instance_noise=0.1)
    other.load_state_dict(view.state_dict())
    assert follow(view, SURE, 2) == follow(other, SURE, 2) == pytest.approx(8 * 32 / 2000)
    assert torch.equal(view(IMAGES, rng()), other(IMAGES, rng()))


@pytest.mark.parametrize(("seen", "left"), [(0, 1.0), (10, 0.5), (15, 0.25), (20, 0.0), (30, 0.0)])
def test_instance_noise_falls_to_zero(seen, left):
    """Linearly over the 10 rounds of 2 discriminator steps.

    The spread of n = 4,096 numbers is off by less than 5 times 1 / sqrt(2 n) of itself.
    """
    options = AdversarialOptions(
        augmentation=(), instance_noise=0.4, steps=10, discriminator_steps=2
    )
    view = View(options)
    follow(view, SURE, seen)
    noise = view(IMAGES, rng()) - IMAGES
    assert float(noise.std()) == pytest.approx(0.4 * left, rel=5 / (2 * 4096) ** 0.5, abs=1e-6)


def test_gradients_pass_to_the_generator():
    """Brightness and noise leave every pixel's slope at one."""
    images = IMAGES.clone().requires_grad_()
    options = AdversarialOptions(augmentation=("brightness",), instance_noise=0.1)
    View(options)(images, rng()).sum().backward()
    assert torch.equal(images.grad, torch.ones_like(images))
