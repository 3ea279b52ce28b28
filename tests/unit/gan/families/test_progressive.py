"""How a training grows, and what both players see on the way."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.families.progressive import Progressive, ProgressiveOptions
from pipeline.gan.family import Batch, Shape

SMALL = {"batch": 4, "ngf": 4, "ndf": 4, "widest": 8, "latent": 8, "steps": 80}


def family(size=(32, 32), **options):
    """A small family of two classes that grows in the first 40 of 80 rounds."""
    torch.manual_seed(0)
    return Progressive(
        Shape(1, size, 2), ProgressiveOptions(**{**SMALL, "growing": 0.5, **options})
    )


def given(count=2):
    """Labels to sample for."""
    return Batch(torch.arange(count) % 2)


def rngs(count=2):
    """A generator an image."""
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def at(progressive, step):
    """The family in a round."""
    progressive.phases(step)
    return progressive


def test_the_round_is_saved_and_not_averaged():
    """Loaded weights sample at the size at which they were saved; an integer is copied."""
    progressive, other = at(family(), 15), family()
    other.networks.load_state_dict(progressive.networks.state_dict())
    assert not progressive.networks["growth"].round.is_floating_point()
    with torch.no_grad():
        expected, found = (each.sample(given(), rngs()).images for each in (progressive, other))
    assert torch.equal(expected, found)


@pytest.mark.parametrize(("step", "side"), [(0, 4), (20, 2)])
@torch.no_grad()
def test_samples_are_blocks_until_fully_grown(step, side):
    """Images of 8 and 16 pixels come as blocks of 4 and 2 pixels a side, and not of larger ones."""
    images = at(family(), step).sample(given(), rngs()).images

    def are_blocks(side):
        blocks = images[:, :, ::side, ::side].repeat_interleave(side, 2)
        return torch.equal(blocks.repeat_interleave(side, 3), images)

    assert are_blocks(side)
    assert not are_blocks(2 * side)


@torch.no_grad()
def test_a_level_is_faded_in():
    """At the start of a fade images are those of the level before, at its end the new level's."""
    generator = family().networks["generator"]
    latents, labels = torch.randn(2, 8, generator=rngs()[0]), given().labels
    before, started, ended, after = (
        generator(latents, labels, grown) for grown in (1.0, 1.0 + 1e-6, 2.0 - 1e-6, 2.0)
    )
    assert torch.allclose(before, started, atol=1e-4)
    assert torch.allclose(ended, after, atol=1e-4)
    assert not torch.allclose(before, after, atol=1e-2)


@torch.no_grad()
def test_the_discriminator_sees_no_more_than_the_growth():
    """Detail within a block changes nothing until the level is faded in."""
    progressive = family()
    critic, ladder = progressive.networks["discriminator"], progressive.networks["growth"].ladder
    images, labels = torch.rand(2, 1, 32, 32, generator=rngs()[0]), given().labels
    blurred = ladder.blurred(images, 1.0)
    assert torch.allclose(critic(images, labels, 1.0), critic(blurred, labels, 1.0), atol=1e-5)
    assert not torch.allclose(critic(images, labels, 1.5), critic(blurred, labels, 1.5), atol=1e-5)


@torch.no_grad()
def test_the_discriminator_sees_how_much_images_differ():
    """An image gets another logit among equal ones than among different ones, of its own N only."""
    critic = family().networks["discriminator"]
    torch.nn.init.normal_(critic.dense.weight, generator=rngs()[0])
    images = torch.rand(4, 1, 32, 32, generator=rngs()[0])
    labels = torch.zeros(2, dtype=torch.int64)
    mixed = critic(images, labels, 3.0)
    equal = critic(torch.cat([images[:1], images[:1], images[2:]]), labels, 3.0)
    assert abs(float(mixed[0] - equal[0])) > 1e-5
    assert torch.allclose(mixed[2:], equal[2:], atol=1e-6)


@pytest.mark.parametrize("size", [(28, 30), (8, 20, 16)], ids=str)
@torch.no_grad()
def test_padded_sizes_grow_as_well(size):
    """Sizes that do not divide, thin volumes among them, keep their shape at every growth."""
    progressive = family(size)
    images = torch.rand(2, 1, *size, generator=rngs()[0])
    for step in range(0, 45, 5):
        at(progressive, step)
        assert progressive.sample(given(), rngs()).images.shape == images.shape
        assert progressive.judge(Batch(given().labels, images)).shape == (2,)
