"""Reducing and enlarging by whole factors."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.networks.resizing import enlargements, reduced_size, reductions, resize

SIZES = [(16, 16), (17, 14), (8, 12, 9)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("factor", [2, 4])
def test_sizes_fit_and_a_grey_stays_as_it_is(size, factor):
    """What is begun counts; a constant is reduced and enlarged to itself, for odd sizes too."""
    grey = torch.full((2, 3, *size), 0.3)
    low = resize(grey, reductions(size, factor))
    assert low.shape[2:] == reduced_size(size, factor)
    assert low.shape[2] == -(-size[0] // factor)
    again = resize(low, enlargements(size, factor))
    assert again.shape == grey.shape
    assert torch.allclose(low, torch.full_like(low, 0.3), atol=1e-6)
    assert torch.allclose(again, grey, atol=1e-6)


def test_a_ramp_becomes_the_means_of_its_blocks():
    """Cubic interpolation keeps straight lines: pixel i stands for pixels 2i and 2i + 1."""
    ramp = torch.arange(32.0).reshape(1, 1, 32, 1).expand(1, 1, 32, 8)
    low = resize(ramp, reductions((32, 8), 2))[0, 0, :, 0]
    assert torch.allclose(low[3:-3], (2.0 * torch.arange(16.0) + 0.5)[3:-3], atol=1e-4)
    again = resize(low.reshape(1, 1, 16, 1).expand(1, 1, 16, 4), enlargements((32, 8), 2))
    assert torch.allclose(again[0, 0, 8:-8, 0], ramp[0, 0, 8:-8, 0], atol=1e-4)


def test_what_is_too_fine_vanishes_instead_of_becoming_something_else():
    """Stripes of a pixel, which taking every other pixel would turn into a full white."""
    stripes = torch.tensor([1.0, -1.0]).repeat(16).reshape(1, 1, 32, 1).expand(1, 1, 32, 8)
    low = resize(stripes, reductions((32, 8), 2))
    assert low[0, 0, 2:-2].abs().max() < 0.05


def test_gradients_pass():
    """A constant's gradient of the sum is 1 / factor an axis, summed over all: here 8 of 16."""
    images = torch.zeros(1, 1, 16, 8, requires_grad=True)
    resize(images, reductions((16, 8), 2)).sum().backward()
    assert images.grad.sum().item() == pytest.approx(8 * 4, rel=1e-5)
