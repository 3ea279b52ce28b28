"""The diffusion model: times, the velocity, and the way down with a perfect U-Net."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from pipeline.gan.families.diffusion import Diffusion, DiffusionOptions, times
from pipeline.gan.family import Batch, Shape


class Knows(nn.Module):
    """A U-Net that knows the one image there is, and so the velocity at every time.

    Solving x_t = sqrt(a) x_0 + sqrt(1 - a) e for the noise e gives v = sqrt(a) e - sqrt(1 - a) x_0.
    """

    def __init__(self, image, scheduler):
        super().__init__()
        self.image, self.kept = image, scheduler.alphas_cumprod

    def forward(self, images, times, labels):
        """The velocity, whatever the class."""
        kept = self.kept[times].reshape(-1, *[1] * (images.ndim - 1))
        noise = (images - kept.sqrt() * self.image) / (1 - kept).sqrt()
        return kept.sqrt() * noise - (1 - kept).sqrt() * self.image


def family(size=(16, 16), **options):
    """A small one, from a fixed seed."""
    torch.manual_seed(0)
    return Diffusion(Shape(1, size, 2), DiffusionOptions(ngf=8, widest=8, **options))


@pytest.mark.parametrize("steps", [10, 20, 50])
def test_times_are_one_step_of_the_scheduler_apart(steps):
    """From pure noise to none: the last step leads below 0, which is the image itself."""
    way = times(steps)
    assert len(way) == steps
    assert way[0] == 999
    assert way[-1] - 1000 // steps < 0
    assert {before - after for before, after in pairwise(way)} == {1000 // steps}


@pytest.mark.parametrize("size", [(16, 16), (8, 16, 16)], ids=str)
@pytest.mark.parametrize("steps", [5, 20])
def test_a_perfect_unet_leads_to_the_image(size, steps):
    """From any noise, in any number of steps, in 2D and 3D."""
    model = family(size, sampling_steps=steps)
    image = torch.rand(1, 1, *size) * 2 - 1
    model.networks["unet"] = Knows(image, model._scheduler)
    made = model.sample(Batch(torch.tensor([0])), [torch.Generator().manual_seed(1)]).images
    # Single precision: the first step divides by a kept share of image of some 1e-3.
    assert torch.allclose(made, image, atol=1e-3)


def test_a_perfect_unet_has_no_loss():
    """What is minimised is the distance to the velocity, so knowing the image leaves nothing."""
    model = family()
    image = torch.rand(1, 1, 16, 16) * 2 - 1
    batch = Batch(torch.tensor([0, 1]), image.expand(2, 1, 16, 16))
    before = model.loss("denoise", batch, torch.Generator().manual_seed(1)).terms["velocity"]
    model.networks["unet"] = Knows(image, model._scheduler)
    after = model.loss("denoise", batch, torch.Generator().manual_seed(1)).terms["velocity"]
    assert before.item() > 0.1
    assert after.item() < 1e-6


def test_sampling_steps_divide_the_times():
    """Otherwise the way would end before the noise does."""
    with pytest.raises(ValidationError, match="divisor of 1000"):
        DiffusionOptions(sampling_steps=30)
