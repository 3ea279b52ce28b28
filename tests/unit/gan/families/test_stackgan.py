"""Two stages in one training, and a condition that is a distribution."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import interpolate

from pipeline.gan.families.stackgan import Stackgan, StackganOptions, _Condition, _steps
from pipeline.gan.family import Batch, Shape

SMALL = {"ngf": 8, "ndf": 8, "widest": 16, "batch": 4}


def family(size=(16, 16), **options):
    """A small family for one channel and five words."""
    torch.manual_seed(0)
    return Stackgan(Shape(1, size, 2, words=5), StackganOptions(**{**SMALL, **options}))


def batch(size=(16, 16)):
    """Noise with texts."""
    rng = torch.Generator().manual_seed(0)
    images = torch.rand((4, 1, *size), generator=rng) * 2 - 1
    text = {name: torch.randn((4, 5), generator=rng) for name in ("text", "wrong_text")}
    return Batch(torch.zeros(4, dtype=torch.long), images, extra=text)


@pytest.mark.parametrize(
    ("size", "reduction", "small", "padded"),
    [
        ((32, 32), 2, (16, 16), (32, 32)),
        ((28, 28), 2, (14, 14), (28, 28)),
        ((27, 16), 2, (14, 8), (28, 16)),
        ((64, 24), 4, (16, 12), (64, 24)),
        ((8, 16, 16), 2, (8, 8, 8), (8, 16, 16)),
        ((8, 8), 2, (8, 8), (8, 8)),
    ],
)
def test_stage_one_is_smaller_but_not_below_eight(size, reduction, small, padded):
    """Axes are halved while eight pixels are left; odd ones are rounded up."""
    steps = _steps(size, reduction)
    assert (steps.base, steps.padded) == (small, padded)


def test_stage_one_is_trained_first():
    """For its share of the steps, and frozen after it unless chosen otherwise."""
    for frozen, generators in [(True, {"generator"}), (False, {"first_generator", "generator"})]:
        players = family(steps=10, first_share=0.3, frozen=frozen)
        trained = [
            {name for phase in players.phases(step) for name in phase.trains} for step in range(10)
        ]
        assert trained[:3] == [{"first_generator", "first_discriminator"}] * 3
        assert trained[3:] == [{"discriminator"} | generators] * 7


def test_a_condition_diverges_by_its_mean():
    """KL(N(1, 1) || N(0, 1)) is 1/2, and KL(N(0, 1) || N(0, 1)) is 0, for each number."""
    condition = _Condition(5, 3)
    torch.nn.init.zeros_(condition.normal.weight)
    torch.nn.init.zeros_(condition.normal.bias)
    noise = torch.randn((2, 3), generator=torch.Generator().manual_seed(0))
    drawn, divergence = condition(torch.ones(2, 5), noise)
    assert divergence.item() == 0.0
    assert torch.equal(drawn, noise)
    condition.normal.bias.data[:3] = 1.0
    drawn, divergence = condition(torch.ones(2, 5), noise)
    assert divergence.item() == pytest.approx(0.5)
    assert torch.allclose(drawn, noise + 1.0)


def test_stage_two_starts_near_stage_one():
    """Untrained, it hands on the enlarged image of stage I, give or take a hundredth."""
    players = family()
    with torch.no_grad():
        text, noise = torch.zeros(4, 5), torch.zeros(4, players.options.embedding)
        small = torch.rand((4, 1, 8, 8), generator=torch.Generator().manual_seed(0)) * 2 - 1
        made, _ = players.networks["generator"](small, text, noise)
    enlarged = interpolate(small, scale_factor=2, mode="bilinear")
    assert (made - enlarged).abs().mean() < 0.02


def test_a_text_changes_the_image():
    """With the same latent."""
    players = family()
    rngs = [torch.Generator().manual_seed(0)]
    labels = torch.zeros(1, dtype=torch.long)
    with torch.no_grad():
        latent = players.latents(rngs)
        one, other = (
            players.decode(latent, Batch(labels, extra={"text": torch.full((1, 5), value)})).images
            for value in (-1.0, 1.0)
        )
    assert not torch.allclose(one, other)


def test_a_wrong_text_counts_as_fake():
    """The discriminator's loss depends on it, unless no share of the fakes' loss is its."""
    right = batch()
    swapped = Batch(
        right.labels, right.images, extra={**right.extra, "wrong_text": right.extra["text"]}
    )
    for share, depends in [(0.5, True), (0.0, False)]:
        players = family(matching=share)
        # Untrained, a discriminator does not listen.
        torch.nn.init.constant_(players.networks["discriminator"].read.weight, 0.1)
        losses = [
            players.loss("discriminator", each, torch.Generator().manual_seed(0)).terms
            for each in (right, swapped)
        ]
        assert (losses[0]["discriminator"] != losses[1]["discriminator"]) == depends


def test_stage_one_sees_small_images():
    """Its loss is that of images at half the size, whatever is finer."""
    players = family()
    plain = batch()
    fine = plain.images.clone()
    fine[..., ::2] += 0.1
    fine[..., 1::2] -= 0.1
    terms = [
        players.loss(
            "first_discriminator",
            Batch(plain.labels, images, extra=plain.extra),
            torch.Generator().manual_seed(0),
        ).terms["discriminator"]
        for images in (plain.images, fine)
    ]
    assert torch.allclose(*terms, atol=1e-5)
