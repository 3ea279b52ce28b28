"""The U-Net that is told a latent and a class, and the judge of images and masks."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.family import Shape
from pipeline.gan.networks.unet import Judging, UNet, UNetOptions, draw_each

SMALL = {"ngf": 4, "ndf": 4, "widest": 8, "latent": 5, "noise": 2}


def unet(size=(16, 16), **options):
    """A small one, from a fixed seed."""
    torch.manual_seed(0)
    return UNet(Shape(1, size, 2), 1, 1, UNetOptions(**{**SMALL, **options}))


def generators(count):
    """A seeded generator an image."""
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


@pytest.mark.parametrize("size", [(16, 16), (11, 24), (8, 12, 16)], ids=str)
def test_makes_what_it_is_asked_for_from_what_it_sees(size):
    """As large as what is seen, and as many channels as it was built for."""
    network = UNet(Shape(1, size, 2), 3, 2, UNetOptions(**SMALL))
    drawn = draw_each(network, UNetOptions(**SMALL), generators(2))
    made = network(torch.zeros(2, 3, *size), torch.tensor([0, 1]), drawn)
    assert made.shape == (2, 2, *size)


def test_an_image_is_drawn_from_the_whole_and_maps_of_texture():
    """Five numbers and two maps of 16 x 16."""
    assert unet().length == 5 + 2 * 256


@torch.no_grad()
def test_what_is_drawn_what_is_seen_and_the_class_all_matter():
    """Each of them alone changes the image."""
    network = unet()
    network.strength.fill_(1.0)
    drawn = draw_each(network, UNetOptions(**SMALL), generators(1))
    seen, labels = torch.zeros(1, 1, 16, 16), torch.tensor([0])
    usual = network(seen, labels, drawn)
    whole, texture = drawn.clone(), drawn.clone()
    whole[:, :5] += 1.0
    texture[:, 5:] += 1.0
    for other in (
        network(seen, labels, whole),
        network(seen, labels, texture),
        network(seen, torch.tensor([1]), drawn),
        network(seen + 1.0, labels, drawn),
    ):
        assert not torch.allclose(other, usual, atol=1e-4)


def test_noise_is_off_at_first():
    """A generator starts from smooth images, and learns how much texture to make of noise."""
    network = unet()
    drawn = torch.zeros(1, network.length, requires_grad=True)
    made = network(torch.zeros(1, 1, 16, 16), torch.tensor([0]), drawn)
    (gradient,) = torch.autograd.grad(made.sum(), drawn)
    assert gradient[:, :5].any()
    assert not gradient[:, 5:].any()


def test_texture_is_fine():
    """A map of noise changed at one pixel leaves pixels beyond the coarsest grid's reach alone.

    Norms apart, which see whole images: so it is asked of the way down and up without them.
    """
    network = unet((64, 64), noise=1)
    for norm in network.norms:
        norm.norm = torch.nn.Identity()
    torch.nn.init.ones_(network.strength)
    drawn = torch.zeros(1, network.length, requires_grad=True)
    made = network(torch.zeros(1, 1, 64, 64), torch.tensor([0]), drawn)
    (gradient,) = torch.autograd.grad(made[0, 0, 32, 32], drawn)
    maps = gradient[:, 5:].view(64, 64).abs()
    assert int(maps.argmax()) // 64 in range(28, 37)


def test_truncation_shrinks_what_decides_on_the_whole_alone():
    """At 0.5 the latent is halved and the texture, whose strength is seen as noise, is not."""
    network = unet()
    usual = draw_each(network, UNetOptions(**SMALL), generators(2))
    truncated = draw_each(network, UNetOptions(**SMALL, truncation=0.5), generators(2))
    assert torch.equal(truncated[:, :5], 0.5 * usual[:, :5])
    assert torch.equal(truncated[:, 5:], usual[:, 5:])


def test_a_patch_is_judged_by_what_lies_in_it():
    """With one level a logit sees 8 x 8 pixels around its place, and none beyond."""
    torch.manual_seed(0)
    judging = Judging(1, (16, 16), 2, UNetOptions(**SMALL), levels=1, patches=True, whole=False)
    images = torch.zeros(1, 1, 16, 16, requires_grad=True)
    logits = judging(images, torch.tensor([0]))
    assert logits.shape == (1, 64)
    (gradient,) = torch.autograd.grad(logits[0, 3 * 8 + 3], images)
    rows, columns = gradient[0, 0].nonzero().unbind(1)
    # Place 3 sees pixels 5 to 8; its neighbours, through the last layer, two more on each side.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (3, 10, 3, 10)


def test_the_whole_is_judged_by_one_logit_an_image():
    """All pixels matter to it."""
    torch.manual_seed(0)
    judging = Judging(2, (16, 12), 2, UNetOptions(**SMALL))
    images = torch.randn(3, 2, 16, 12, requires_grad=True)
    logits = judging(images, torch.tensor([0, 1, 0]))
    assert logits.shape == (3, 1)
    (gradient,) = torch.autograd.grad(logits.sum(), images)
    assert (gradient != 0).all()


def test_patches_and_the_whole_are_judged_together():
    """Every patch's logit has the whole's in it: none is blind to a pixel far away."""
    torch.manual_seed(0)
    judging = Judging(1, (32, 16), 2, UNetOptions(**SMALL), levels=2, patches=True)
    images = torch.zeros(1, 1, 32, 16, requires_grad=True)
    logits = judging(images, torch.tensor([0]))
    assert logits.shape == (1, 8 * 8)
    (gradient,) = torch.autograd.grad(logits[0, 0], images)
    assert gradient[0, 0, -1, -1] != 0


def test_the_class_moves_the_logits_by_its_projection():
    """At first not at all; with the projection's weights of one class set, that class alone."""
    torch.manual_seed(0)
    judging = Judging(1, (16, 16), 2, UNetOptions(**SMALL))
    images = torch.randn(1, 1, 16, 16)
    first, second = torch.tensor([0]), torch.tensor([1])
    before = judging(images, first)
    assert torch.equal(before, judging(images, second))
    with torch.no_grad():
        judging.projection.weight[1] = 1.0
    assert torch.equal(judging(images, first), before)
    assert not torch.equal(judging(images, second), before)
