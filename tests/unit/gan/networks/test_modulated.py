"""Modulated layers against per-image weights, and what a style-based network is told."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from pipeline.gan.family import Shape
from pipeline.gan.networks.modulated import (
    EqualisedLinear,
    MappingNetwork,
    ModulatedConvolution,
    SynthesisNetwork,
    activate,
    unit_size,
)

CONVOLVE = {2: functional.conv2d, 3: functional.conv3d}


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kernel", [1, 3])
def test_modulation_is_a_convolution_with_weights_of_the_images_own(dims, kernel):
    """Equations 1 and 3 of the paper, image by image, give what scaling of activations does."""
    torch.manual_seed(0)
    layer = ModulatedConvolution(dims, 3, 5, 4, kernel=kernel).double()
    features, styles = torch.randn(2, 3, *[6] * dims).double(), torch.randn(2, 4).double()
    scales, together = layer.style(styles), layer(features, styles)
    for image, scale, found in zip(features, scales, together, strict=True):
        own = layer.weight * scale.reshape(1, 3, *[1] * dims)
        own = own / own.square().flatten(1).sum(1).sqrt().reshape(-1, *[1] * (dims + 1))
        expected = CONVOLVE[dims](image[None], own, padding=kernel // 2)[0]
        assert torch.allclose(found, expected, atol=1e-6)


def test_an_unmodulated_style_starts_at_one():
    """A style of zeros leaves the input channels as they are: the bias of the scales is 1."""
    assert torch.equal(EqualisedLinear(4, 3, bias=1.0)(torch.zeros(2, 4)), torch.ones(2, 3))


def test_demodulation_forgets_how_strong_a_style_is():
    """Twice the scale on every channel, the same features."""
    torch.manual_seed(0)
    layer = ModulatedConvolution(2, 3, 5, 4)
    features, styles = torch.randn(2, 3, 6, 6), torch.randn(2, 4)
    once = layer(features, styles)
    with torch.no_grad():
        layer.style.weight.mul_(2.0)
        layer.style.bias.mul_(2.0)
    assert torch.allclose(layer(features, styles), once, atol=1e-5)


def test_a_slow_layer_starts_equal_and_moves_less():
    """Speed changes no output at the start; a unit step of its bias moves the output by it."""
    torch.manual_seed(0)
    fast = EqualisedLinear(8, 3)
    torch.manual_seed(0)
    slow = EqualisedLinear(8, 3, speed=0.1)
    vectors = torch.randn(5, 8)
    assert torch.allclose(slow(vectors), fast(vectors), atol=1e-6)
    with torch.no_grad():
        slow.bias.add_(1.0)
    assert torch.allclose(slow(vectors), fast(vectors) + 0.1, atol=1e-6)


def test_activation_keeps_the_mean_square():
    """Of inputs that are +-1, (1 + 0.2^2) / 2 times the squared gain is 1."""
    assert activate(torch.tensor([1.0, -1.0])).square().mean().item() == pytest.approx(1.0)


def test_unit_size_by_row():
    """(3, 4) has the mean square 12.5; so has ten times it, and the same row comes out."""
    found = unit_size(torch.tensor([[3.0, 4.0], [30.0, 40.0]]))
    assert torch.allclose(found, torch.tensor([[3.0, 4.0]] * 2) / 12.5**0.5)


def test_styles_know_the_direction_of_a_latent_and_the_class():
    """Longer latents give the same style, another class another one."""
    torch.manual_seed(0)
    mapping = MappingNetwork(6, 2, 5, layers=2, speed=0.1)
    latents, labels = torch.randn(3, 6), torch.tensor([0, 0, 1])
    styles = mapping(latents, labels)
    assert styles.shape == (3, 5)
    assert torch.allclose(mapping(4 * latents, labels), styles, atol=1e-4)
    assert not torch.allclose(mapping(latents, 1 - labels), styles, atol=1e-2)


def network(size=(16, 16), channels=1):
    """A small network of two classes."""
    torch.manual_seed(0)
    mapping = MappingNetwork(6, 2, 5, layers=1, speed=1.0)
    return SynthesisNetwork(Shape(channels, size, 2), mapping, finest=4, widest=8)


@pytest.mark.parametrize("size", [(16, 16), (28, 20), (8, 16, 16)], ids=str)
def test_parts_what_was_drawn_without_rest(size):
    """A latent and a grid of noise for every level, the finest as large as the padded image."""
    generator = network(size)
    drawn = torch.randn(2, generator.length)
    latents, noise = generator.split(drawn)
    assert latents.shape == (2, 6)
    assert len(noise) == generator.levels
    assert noise[-1].shape[2:] == generator.pyramid.padded
    assert torch.equal(torch.cat([latents, *(part.flatten(1) for part in noise)], 1), drawn)


def test_noise_is_silent_until_its_strength_is_learnt():
    """Strengths start at zero; at one, other noise gives another image of the same style."""
    generator = network()
    styles = torch.randn(1, 1, 5).expand(2, generator.levels, -1)
    _, noise = generator.split(torch.randn(2, generator.length))
    one, other = generator(styles, noise)
    assert torch.allclose(one, other, atol=1e-5)
    with torch.no_grad():
        generator.strengths.fill_(1.0)
    one, other = generator(styles, noise)
    assert not torch.allclose(one, other, atol=1e-2)


def test_coarse_styles_reach_more_of_an_image_than_fine_ones():
    """The finest level's style alone leaves the image of the levels below as it is."""
    generator = network()
    _, noise = generator.split(torch.randn(1, generator.length))
    styles = torch.randn(1, generator.levels, 5)
    fine = styles.clone()
    fine[:, -1] += 1.0
    coarse = styles.clone()
    coarse[:, 0] += 1.0
    image = generator(styles, noise)
    assert not torch.equal(generator(coarse, noise), image)
    assert not torch.equal(generator(fine, noise), image)
    with torch.no_grad():
        generator.images[-1].weight.zero_()
    assert torch.equal(generator(fine, noise), generator(styles, noise))


def test_truncation_draws_styles_to_the_mean_of_their_class():
    """Means follow each class alone; factor 1/2 is half the way to it, and 1 changes nothing."""
    generator = network()
    styles = torch.tensor([[2.0] * 5, [4.0] * 5])
    generator.follow(styles, torch.tensor([1, 1]), lag=0.0)
    assert generator.mean_style.tolist() == [[0.0] * 5, [3.0] * 5]
    found = generator.truncated(styles, torch.tensor([0, 1]), 0.5)
    assert found.tolist() == [[1.0] * 5, [3.5] * 5]
    assert generator.truncated(styles, torch.tensor([0, 1]), 1.0) is styles
