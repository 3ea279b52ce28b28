"""The U-Net of diffusion models: blocks of pixels, times, classes."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.family import Shape
from pipeline.gan.networks.denoiser import Denoiser, _waves, spread, stack


def test_a_block_of_pixels_becomes_the_channels_of_one_place():
    """In a 4 x 4 image counted by rows, the first 2 x 2 block holds 0, 1, 4 and 5."""
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert stack(image, 2)[0, :, 0, 0].tolist() == [0, 1, 4, 5]
    assert stack(image, 2)[0, :, 1, 1].tolist() == [10, 11, 14, 15]


@pytest.mark.parametrize("shape", [(2, 3, 8, 12), (2, 3, 8, 12, 4)], ids=str)
@pytest.mark.parametrize("patch", [1, 2, 4])
def test_spreading_inverts_stacking(shape, patch):
    """Nothing is lost or moved, in 2D and 3D."""
    images = torch.rand(shape)
    assert torch.equal(spread(stack(images, patch), patch), images)


def test_times_are_told_by_waves():
    """Time 0 has all cosines 1 and all sines 0; the fastest frequency is one radian a step."""
    waves = _waves(torch.tensor([0, 3]), 8)
    assert waves[0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert torch.isclose(waves[1, 4], torch.tensor(3.0).sin())


def test_time_and_class_change_what_is_predicted():
    """Neither is ignored, from the first step on."""
    torch.manual_seed(0)
    unet = Denoiser(Shape(1, (16, 16), 2), finest=8, widest=16, blocks=1, patch=2)
    images, zero, one = torch.rand(1, 1, 16, 16), torch.tensor([0]), torch.tensor([1])
    predicted = unet(images, zero, zero)
    assert predicted.shape == images.shape
    assert not torch.equal(predicted, unet(images, one, zero))
    assert not torch.equal(predicted, unet(images, zero, one))
