"""The convolutional bodies: images by themselves, sums of levels, further channels."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.family import Shape
from pipeline.gan.networks.bodies import DiscriminatorBody, GeneratorBody
from pipeline.gan.networks.layers import Grain


@pytest.mark.parametrize("size", [(16, 16), (8, 16, 12)], ids=str)
def test_an_image_in_training_does_not_depend_on_its_neighbours(size):
    """There are no batch statistics: another second row leaves the first image as it is."""
    torch.manual_seed(0)
    body = GeneratorBody(Shape(1, size, 2), 3, 2, finest=8, widest=16).train()
    drawn, told = torch.randn(3, body.length), torch.randn(3, 2)
    one, other = body(drawn[:2], told[:2]), body(drawn[[0, 2]], told[[0, 2]])
    assert torch.allclose(one[0], other[0], atol=1e-6)
    assert not torch.allclose(one[1], other[1], atol=1e-3)


def test_what_an_image_is_made_from_enters_every_level():
    """Even where the coarsest grid is the same, levels that listen make other images of it."""
    torch.manual_seed(0)
    body = GeneratorBody(Shape(1, (16, 16), 1), 3, 2, finest=8, widest=16)
    body.start.weight.data.zero_()
    drawn, told = torch.randn(1, body.length).repeat(2, 1), torch.randn(2, 2)
    assert torch.equal(*body(drawn, told))
    torch.nn.init.normal_(body.norms[-1].tell.weight)
    assert not torch.allclose(*body(drawn, told), atol=1e-3)


def test_grain_is_an_images_own_and_as_strong_as_learnt():
    """Another noise makes other pixels of the same latent; at strength zero, the same ones."""
    torch.manual_seed(0)
    body = GeneratorBody(Shape(1, (16, 16), 1), 3, 2, finest=8, widest=16, grain=True)
    drawn, told = torch.randn(1, body.length).repeat(2, 1), torch.zeros(2, 2)
    drawn[1, body.latent :] = torch.randn(16 * 16)
    assert body.length == 3 + 16 * 16
    assert not torch.allclose(*body(drawn, told), atol=1e-3)
    torch.nn.init.zeros_(body.grain.strength.bias)
    assert torch.allclose(*body(drawn, told), atol=1e-6)


def test_an_image_says_how_grainy_it_is():
    """With strengths that follow what is told, one image is grainy and another is not."""
    torch.manual_seed(0)
    grain = Grain(2, 1)
    torch.nn.init.ones_(grain.strength.weight)
    torch.nn.init.zeros_(grain.strength.bias)
    told = torch.tensor([[0.0], [2.0]])
    added = grain(torch.zeros(2, 2, 4, 4), torch.ones(2, 16), told)
    assert added[0].eq(0.0).all()
    assert added[1].eq(2.0).all()


def test_levels_add_their_images():
    """With the last level silent and the first level's image flat, all pixels are its tanh."""
    body = GeneratorBody(Shape(1, (16, 16), 1), 3, 2, finest=8, widest=16)
    with torch.no_grad():
        for parameter in body.parameters():
            parameter.zero_()
        body.images[0].bias.fill_(0.25)
        body.images[1].bias.fill_(0.5)
    made = body(torch.randn(2, body.length), torch.zeros(2, 2))
    assert torch.allclose(made, torch.full((2, 1, 16, 16), 0.75).tanh())


def test_the_discriminator_takes_channels_beside_the_images_own():
    """`features` is the length of what comes out, for padded sizes too."""
    body = DiscriminatorBody(Shape(3, (28, 20), 1), finest=8, widest=16, more=2)
    assert body(torch.zeros(2, 5, 28, 20)).shape == (2, body.features)
