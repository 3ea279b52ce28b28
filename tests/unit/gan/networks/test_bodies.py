"""The convolutional bodies: images by themselves, sums of levels, further channels."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.family import Shape
from pipeline.gan.networks.bodies import DiscriminatorBody, GeneratorBody


@pytest.mark.parametrize("size", [(16, 16), (8, 16, 12)], ids=str)
def test_an_image_in_training_does_not_depend_on_its_neighbours(size):
    """There are no batch statistics: another second row leaves the first image as it is."""
    torch.manual_seed(0)
    body = GeneratorBody(Shape(1, size, 2), 5, finest=8, widest=16).train()
    told = torch.randn(3, 5)
    one, other = body(told[:2]), body(told[[0, 2]])
    assert torch.allclose(one[0], other[0], atol=1e-6)
    assert not torch.allclose(one[1], other[1], atol=1e-3)


def test_what_an_image_is_made_from_enters_every_level():
    """Even where the coarsest grid is the same, levels that listen make other images of it."""
    torch.manual_seed(0)
    body = GeneratorBody(Shape(1, (16, 16), 1), 3, finest=8, widest=16)
    body.start.weight.data.zero_()
    told = torch.randn(2, 3)
    assert torch.equal(*body(told))
    torch.nn.init.normal_(body.norms[-1].tell.weight)
    assert not torch.allclose(*body(told), atol=1e-3)


def test_levels_add_their_images():
    """With the last level silent and the first level's image flat, all pixels are its tanh."""
    body = GeneratorBody(Shape(1, (16, 16), 1), 3, finest=8, widest=16)
    with torch.no_grad():
        for parameter in body.parameters():
            parameter.zero_()
        body.images[0].bias.fill_(0.25)
        body.images[1].bias.fill_(0.5)
    made = body(torch.randn(2, 3))
    assert torch.allclose(made, torch.full((2, 1, 16, 16), 0.75).tanh())


def test_the_discriminator_takes_channels_beside_the_images_own():
    """`features` is the length of what comes out, for padded sizes too."""
    body = DiscriminatorBody(Shape(3, (28, 20), 1), finest=8, widest=16, more=2)
    assert body(torch.zeros(2, 5, 28, 20)).shape == (2, body.features)
