"""Interpolation: linear between pixels, mirrored or repeated outside, as torch's grid_sample."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from pipeline.augment.interpolation import interpolate

SIZES = [(9, 12), (7, 5, 8), (1, 6, 4)]


def noise(*shape, dtype=torch.float32):
    """White noise in [-1, 1]."""
    rng = torch.Generator().manual_seed(0)
    return torch.rand(shape, generator=rng, dtype=dtype) * 2 - 1


@pytest.mark.parametrize("padding", ["reflection", "border"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_grid_sample(size, mode, padding):
    """Anywhere, several periods outside included, on several channels, at another output shape."""
    images = noise(2, 3, *size)
    output = (6, 10, 11)[: len(size)]
    positions = [
        (length - 1) / 2 + 2.5 * length * noise(2, *output).flip(axis % 2)
        for axis, length in enumerate(size)
    ]
    ours = interpolate(images, positions, mode=mode, padding=padding)
    scaled = [(2 * at + 1) / length - 1 for at, length in zip(positions, size, strict=True)]
    other = functional.grid_sample(
        images,
        torch.stack(scaled[::-1], -1),
        mode=mode,
        padding_mode=padding,
        align_corners=False,
    )
    assert ours.shape == (2, 3, *output)
    # Positions up to 30 pixels out are right to 30 * 2^-23 = 4e-6 of a pixel and a few roundings;
    # one so near the middle of two pixels may read the other neighbour.
    wrong = (ours - other).abs() > 1e-4
    assert float(wrong.float().mean()) <= (0.001 if mode == "nearest" else 0.0)


@pytest.mark.parametrize("size", SIZES)
def test_whole_positions_read_pixels(size):
    """At pixel centres the pixels come back exactly, whichever the mode."""
    images = noise(2, 1, *size)
    axes = torch.meshgrid(*[torch.arange(float(length)) for length in size], indexing="ij")
    positions = [axis.expand(2, *size) for axis in axes]
    assert torch.equal(interpolate(images, positions, mode="nearest"), images)
    assert torch.allclose(interpolate(images, positions), images, atol=1e-6)


@pytest.mark.parametrize("size", [(5, 6), (4, 5, 6)])
def test_linear_images_are_read_exactly(size):
    """Linear interpolation is exact on a ramp inside the image."""
    slopes = [0.1, -0.03, 0.07][: len(size)]
    axes = torch.meshgrid(*[torch.arange(float(length)) for length in size], indexing="ij")
    ramp = sum(slope * axis for slope, axis in zip(slopes, axes, strict=True))
    inside = [(noise(1, 50, *([1] * (len(size) - 1))) + 1) / 2 * (length - 1) for length in size]
    expected = sum(slope * at for slope, at in zip(slopes, inside, strict=True))
    assert torch.allclose(interpolate(ramp[None, None], inside)[0], expected, atol=1e-5)


@pytest.mark.parametrize("size", [(5, 4), (4, 3, 5)])
def test_gradient(size):
    """Gradients with respect to images are the numerical ones."""
    images = noise(1, 2, *size, dtype=torch.float64).requires_grad_()
    positions = [2 * noise(1, *size, dtype=torch.float64) + 1 for _ in size]
    assert torch.autograd.gradcheck(lambda x: interpolate(x, positions), images)
