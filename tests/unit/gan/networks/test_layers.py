"""Sizes: what is padded, what is cropped, and which levels a network has."""

from __future__ import annotations

import pytest
import torch

from pipeline.errors import ParameterError
from pipeline.gan.networks.layers import (
    Pyramid,
    down,
    equalised,
    spectrally_normalised,
    transposed,
    up,
    widths,
    with_spread,
)


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


@pytest.mark.parametrize("dims", [2, 3])
def test_features_keep_their_size_on_the_way_down(dims):
    """Through three levels the mean square stays within a factor of two, away from the border.

    A LeakyReLU of slope 0.2 keeps 0.52 of a normal input's mean square, which the weights make up
    for; with 256 channels a level's factor varies by about a tenth between draws.
    """
    torch.manual_seed(0)
    features = torch.randn(2, 32, *[32] * dims)
    for before, after in ((32, 64), (64, 128), (128, 256)):
        layer = down(dims, before, after, (2,) * dims)
        features = torch.nn.functional.leaky_relu(layer(features), 0.2)
    inner = features[(slice(None), slice(None), *[slice(1, -1)] * dims)]
    assert 0.5 < float(inner.detach().square().mean()) < 2.0


@pytest.mark.parametrize("stride", [(2, 2), (1, 2), (1, 2, 2)], ids=str)
def test_a_transposed_convolution_enlarges_alike(stride):
    """It multiplies axes by their stride too."""
    dims = len(stride)
    made = transposed(dims, 16, 2, stride)(torch.rand(1, 16, *[4] * dims))
    assert made.shape == (1, 2, *[4 * step for step in stride])


def test_up_leaves_no_grid():
    """A flat map stays flat inside whatever the weights; a transposed convolution's does not."""
    flat = torch.ones(1, 4, 8, 8)
    torch.manual_seed(0)
    smooth, gridded = up(2, 4, 1, (2, 2))(flat), transposed(2, 4, 1, (2, 2))(flat)
    assert smooth[0, 0, 4:-4, 4:-4].std() < 1e-6
    assert gridded[0, 0, 4:-4, 4:-4].std() > 0.02


def test_grids_lead_from_base_to_padded():
    """A grid for each level and the coarsest one; thin axes stay at the fine ones."""
    assert Pyramid.of((8, 32, 32)).grids == [(4, 4, 4), (8, 8, 8), (8, 16, 16), (8, 32, 32)]


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


@pytest.mark.parametrize(
    ("layer", "met"),
    [
        (torch.nn.Linear(7, 5), 7),
        (torch.nn.Conv2d(3, 6, 4, 2, 1), 3 * 16),
        (torch.nn.Conv3d(2, 6, 3), 2 * 27),
        (torch.nn.ConvTranspose2d(3, 6, 4, 2, 1), 3 * 4),
        (torch.nn.ConvTranspose3d(3, 6, (3, 4, 4), (1, 2, 2), 1), 3 * 12),
    ],
    ids=lambda value: type(value).__name__,
)
def test_equalised_weights_are_scaled_by_the_numbers_that_an_output_meets(layer, met):
    """In use a weight is a stored one of unit size times gain over the root of that count."""
    equalised(layer, gain=3.0)
    stored = layer.parametrizations.weight.original
    assert torch.allclose(layer.weight, stored * 3.0 / met**0.5)
    assert layer.bias.abs().max() == 0


def test_equalised_layers_keep_the_size_of_what_passes():
    """Ten layers without a nonlinearity, and the mean square is still of the order of one.

    Each layer's is off by about the root of 2 / 256, ten of them by 0.28; 4 times that is the bound
    on its logarithm.
    """
    torch.manual_seed(0)
    network = torch.nn.Sequential(*[torch.nn.Linear(256, 256) for _ in range(10)])
    equalised(network, gain=1.0)
    with torch.no_grad():
        size = network(torch.randn(64, 256)).square().mean()
    assert abs(size.log().item()) < 4 * 0.28


def test_spread_is_told_of_each_minibatch():
    """Of (0, 2) and (1, 3) in the one, features vary by 1 and 1; of equal images by nothing."""
    features = torch.tensor([[0.0, 1.0], [2.0, 3.0], [5.0, 5.0], [5.0, 5.0]])
    told = with_spread(features, 2)
    assert torch.equal(told[:, :2], features)
    assert told[:, 2].tolist() == pytest.approx([1.0, 1.0, 1e-4, 1e-4])
    volumes = features.reshape(4, 2, 1, 1, 1).expand(4, 2, 2, 2, 2)
    assert with_spread(volumes, 2)[:, 2].flatten(1).tolist() == [
        pytest.approx([size] * 8) for size in (1.0, 1.0, 1e-4, 1e-4)
    ]


def test_spread_has_a_gradient_where_all_images_are_equal():
    """The root of the mean variance is smooth there."""
    features = torch.ones(4, 3, requires_grad=True)
    with_spread(features, 4)[:, 3].sum().backward()
    assert torch.isfinite(features.grad).all()
