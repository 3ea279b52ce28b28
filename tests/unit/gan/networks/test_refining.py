"""The networks of super-resolution."""

from __future__ import annotations

import torch
from torch.nn.functional import pixel_shuffle

from pipeline.gan.family import Shape
from pipeline.gan.networks.refining import Critic, Refiner, shuffled
from pipeline.gan.networks.resizing import enlargements, resize

SHAPE = Shape(1, (12, 11), 2)


def test_sub_pixel_enlargement_is_the_papers():
    """In 2D it is PyTorch's own; in 3D a group of eight channels becomes a block of 2 x 2 x 2."""
    flat = torch.arange(2 * 8 * 3 * 5.0).reshape(2, 8, 3, 5)
    assert torch.equal(shuffled(flat), pixel_shuffle(flat, 2))
    solid = torch.arange(8.0).reshape(1, 8, 1, 1, 1)
    assert torch.equal(shuffled(solid), torch.arange(8.0).reshape(1, 1, 2, 2, 2))


def test_begins_at_interpolation():
    """With no detail to add, an image is the cubic enlargement of what was given."""
    torch.manual_seed(0)
    refiner = Refiner(SHAPE, 2, 4, 1, 2)
    low, noise = torch.rand(4, 1, 6, 6), torch.randn(4, 2, 6, 6)
    expected = resize(low, enlargements(SHAPE.size, 2))
    with torch.no_grad():
        assert not torch.allclose(refiner(low, noise), expected)
        refiner.image.weight.zero_()
        refiner.image.bias.zero_()
        assert torch.equal(refiner(low, noise), expected)


def test_detail_is_what_reducing_loses():
    """A constant has none; stripes of a pixel are nothing else."""
    critic = Critic(Shape(1, (16, 16), 2), 2, 4, 8, spectral_norm=False)
    assert critic.detail(torch.full((1, 1, 16, 16), 0.3)).abs().max() < 1e-6
    stripes = torch.tensor([1.0, -1.0]).repeat(8).expand(1, 1, 16, 16)
    inside = (critic.detail(stripes) - stripes)[..., 3:-3]
    assert inside.abs().max() < 0.05
