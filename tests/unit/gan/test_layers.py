"""Sizes: what is padded, what is cropped, and which levels a network has."""

from __future__ import annotations

import pytest
import torch

from pipeline.errors import ParameterError
from pipeline.gan.layers import Pyramid, down, spectrally_normalised, up, widths


@pytest.mark.parametrize(
    ("size", "base", "padded", "levels"),
    [
        ((32, 32), (4, 4), (32, 32), 3),
        ((28, 28), (4, 4), (32, 32), 3),
        ((64, 64), (4, 4), (64, 64), 4),
        ((24, 24), (3, 3), (24, 24), 3),
        ((33, 30), (5, 4), (40, 32), 3),
        ((8, 32, 32), (4, 4, 4), (8, 32, 32), 3),
    ],
)
def test_plans_levels_for_any_size(size, base, padded, levels):
    """About four pixels at the coarsest level, and at least the size at the finest."""
    pyramid = Pyramid.of(size)
    assert (pyramid.base, pyramid.padded, len(pyramid.strides)) == (base, padded, levels)


def test_thin_axes_keep_their_length_at_fine_levels():
    """A volume of 8 slices is doubled along them once, at the coarsest level."""
    assert [stride[0] for stride in Pyramid.of((8, 32, 32)).strides] == [2, 1, 1]


def test_pads_by_reflection_and_crops_back():
    """Padding mirrors the border, two pixels a side; cropping gives the images again."""
    pyramid = Pyramid.of((28, 28))
    images = torch.rand(2, 1, 28, 28)
    padded = pyramid.pad(images)
    assert torch.equal(padded[:, :, 2:30, 1], padded[:, :, 2:30, 3])
    assert torch.equal(pyramid.crop(padded), images)


def test_refuses_sizes_without_room_for_a_network():
    """Four pixels are an error that names the parameter."""
    with pytest.raises(ParameterError, match=r"ingest\.size: got \[4, 32\]"):
        Pyramid.of((4, 32))


@pytest.mark.parametrize("stride", [(2, 2), (1, 2), (1, 2, 2)], ids=str)
def test_up_undoes_down(stride):
    """Axes are divided and multiplied by exactly their stride."""
    dims = len(stride)
    images = torch.rand(1, 2, *[8] * dims)
    small = down(dims, 2, 3, stride)(images)
    assert small.shape == (1, 3, *[8 // step for step in stride])
    assert up(dims, 3, 2, stride)(small).shape == images.shape


def test_up_covers_every_pixel_equally():
    """With equal weights, inner output pixels get equally many contributions: no checkerboard."""
    layer = up(2, 1, 1, (2, 2))
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    inner = layer(torch.ones(1, 1, 8, 8))[0, 0, 2:-2, 2:-2]
    assert inner.unique().tolist() == [4.0]


def test_widths_double_towards_the_coarse_end():
    """Coarse to fine, capped."""
    assert widths(4, 16, 64) == [64, 64, 32, 16]


def test_spectral_norm_brings_the_largest_singular_value_to_one():
    """After some forwards every convolution and linear layer stretches by one at most."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(6 * 16, 5)
    )
    torch.nn.init.normal_(network[0].weight, 0.0, 2.0)
    before = network[2].weight.detach().clone()
    spectrally_normalised(network)
    for _ in range(300):
        network(torch.rand(2, 3, 4, 4))
    for layer in (network[0], network[2]):
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
        assert largest.item() == pytest.approx(1.0, abs=1e-3)
    # It is a division and nothing else.
    ratio = before / network[2].weight.detach()
    assert ratio.std().item() < 1e-5 * ratio.mean().item()
