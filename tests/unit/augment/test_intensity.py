"""Intensity transforms: exact where they can be, and MONAI's values at the same parameters."""

from __future__ import annotations

import math

import monai.transforms
import numpy as np
import pytest
import torch

from pipeline.augment.intensity import (
    IntensityParameters,
    IntensityRanges,
    apply_intensity,
    blurred,
    draw_intensity,
)

SIZES = [(16, 21), (11, 12, 9)]
EVERYTHING = IntensityRanges(brightness=0.1, contrast=0.2, gamma=0.3, noise=0.05, blur=1.5)


def images_of(n, size, seed=0):
    """White noise that spans exactly [-1, 1] in each image, two channels."""
    images = torch.rand((n, 2, *size), generator=torch.Generator().manual_seed(seed))
    low, high = images.flatten(1).aminmax(dim=1)
    column = (-1, *([1] * (len(size) + 1)))
    return 2 * (images - low.view(column)) / (high - low).view(column) - 1


def changing(n, **values):
    """Parameters that change nothing but what is given."""
    neutral = {"brightness": 0.0, "contrast": 1.0, "gamma": 1.0, "blur": 0.0}
    return IntensityParameters(
        **{name: torch.full((n,), values.get(name, value)) for name, value in neutral.items()},
        noise=values.get("noise"),
    )


@pytest.mark.parametrize("size", SIZES)
class TestAgainstMonai:
    """MONAI 1.6 at the same parameters; single precision, so equal to 1e-6 or a few roundings."""

    def test_brightness(self, size):
        """ShiftIntensity by the same offset."""
        images = images_of(2, size) / 2
        ours = apply_intensity(images, changing(2, brightness=0.2))
        other = monai.transforms.ShiftIntensity(offset=0.2)(images)
        assert torch.equal(ours, torch.as_tensor(other))

    def test_contrast(self, size):
        """ScaleIntensity by a factor, which MONAI counts from 1: both scale about zero."""
        images = images_of(2, size) / 2
        ours = apply_intensity(images, changing(2, contrast=1.2))
        other = monai.transforms.ScaleIntensity(minv=None, maxv=None, factor=0.2)(images)
        assert torch.allclose(ours, torch.as_tensor(other), atol=1e-6)

    @pytest.mark.parametrize("gamma", [0.7, 1.4])
    def test_gamma(self, size, gamma):
        """AdjustContrast; MONAI stretches over the image's own range, here the whole window's."""
        images = images_of(1, size)
        ours = apply_intensity(images, changing(1, gamma=gamma))
        other = monai.transforms.AdjustContrast(gamma)(images[0])
        # MONAI divides by the range plus 1e-7, which a power of 0.7 near zero enlarges.
        assert torch.allclose(ours[0], torch.as_tensor(other), atol=1e-5)

    @pytest.mark.parametrize("sigma", [0.4, 1.0])
    def test_blur(self, size, sigma):
        """GaussianSmooth inside; at the border MONAI lets zeros in and we repeat the last pixel."""
        images = images_of(1, size)
        ours = blurred(images, torch.tensor([sigma]))
        other = torch.as_tensor(monai.transforms.GaussianSmooth(sigma, approx="erf")(images[0]))
        inside = (..., *([slice(4, -4)] * len(size)))
        # MONAI's kernel lacks the 2 * Q(4) = 6.3e-5 beyond its cut on each axis, ours sums to one.
        assert torch.allclose(ours[0][inside], other[inside], atol=6.4e-5 * len(size))

    def test_noise(self, size):
        """The standard deviation of RandGaussianNoise: uniform up to the greatest one."""
        n = 400
        drawn = draw_intensity(
            (n, 1, *size), IntensityRanges(noise=0.3), rng=torch.Generator().manual_seed(0)
        )
        deviations = drawn.noise.flatten(1).std(1)
        transform = monai.transforms.RandGaussianNoise(prob=1.0, std=0.3)
        transform.set_random_state(0)
        empty = torch.zeros(1, *size)
        other = torch.stack([torch.as_tensor(transform(empty)).std() for _ in range(n)])
        # Two means of n uniform deviations differ by less than 5 of sqrt(2 * 0.3^2 / 12 / n).
        bound = 5 * math.sqrt(2 * 0.3**2 / 12 / n)
        assert abs(float(deviations.mean() - other.mean())) < bound
        assert abs(float(deviations.mean()) - 0.15) < bound


@pytest.mark.parametrize("size", SIZES)
class TestExactly:
    """Identities, means and bounds."""

    def test_zero_ranges_are_the_identity(self, size):
        """Nothing drawn gives the very images back."""
        images = images_of(3, size)
        drawn = draw_intensity(images.shape, IntensityRanges(), rng=torch.Generator())
        assert apply_intensity(images, drawn) is images

    def test_neutral_images_are_exact_beside_changed_ones(self, size):
        """An image with neutral values is untouched whatever its neighbour's are."""
        images = images_of(2, size)
        parameters = IntensityParameters(
            brightness=torch.tensor([0.0, 0.1]),
            contrast=torch.tensor([1.0, 1.1]),
            gamma=torch.tensor([1.0, 1.2]),
            blur=torch.tensor([0.0, 1.0]),
        )
        changed = apply_intensity(images, parameters)
        assert torch.equal(changed[0], images[0])
        assert not torch.allclose(changed[1], images[1], atol=0.1)

    def test_blur_keeps_a_constant(self, size):
        """Kernels sum to one and the border is repeated, so a flat image stays flat."""
        flat = torch.full((2, 1, *size), 0.7)
        assert torch.allclose(blurred(flat, torch.tensor([0.5, 3.0])), flat, atol=1e-6)

    def test_results_stay_in_the_window(self, size):
        """What leaves [-1, 1] is clipped."""
        images = images_of(4, size)
        ranges = IntensityRanges(0.9, 0.9, 0.5, 0.9, 0.5)
        drawn = draw_intensity(images.shape, ranges, rng=torch.Generator().manual_seed(1))
        changed = apply_intensity(images, drawn)
        assert (float(changed.min()), float(changed.max())) == (-1.0, 1.0)

    def test_one_generator_an_image_makes_it_independent(self, size):
        """An image's draws and pixels are the same alone and in a batch."""
        images = images_of(5, size)
        rngs = [np.random.default_rng(index) for index in range(5)]
        together = apply_intensity(images, draw_intensity(images.shape, EVERYTHING, rng=rngs))
        for index in range(5):
            one = images[index : index + 1]
            drawn = draw_intensity(one.shape, EVERYTHING, rng=[np.random.default_rng(index)])
            assert torch.equal(apply_intensity(one, drawn)[0], together[index])


def test_blur_of_a_point_is_the_gaussian():
    """The variance of a blurred point is sigma^2, plus 1/12 for the pixel's width."""
    point = torch.zeros(1, 1, 1, 41)
    point[..., 20] = 1.0
    spread = blurred(point, torch.tensor([2.0]))[0, 0, 0]
    at = torch.arange(41.0) - 20
    # Cut at 4 sigma, the Gaussian lacks 0.11 % of its variance.
    assert float((spread * at**2).sum()) == pytest.approx(4 + 1 / 12, rel=2e-3)


def test_ranges():
    """Every parameter stays within its range and comes near both ends."""
    drawn = draw_intensity((4000, 1, 1, 1), EVERYTHING, rng=torch.Generator().manual_seed(0))
    bounds = {
        "brightness": (-0.1, 0.1),
        "contrast": (0.8, 1.2),
        "gamma": (1 / 1.3, 1.3),
        "blur": (0.0, 1.5),
    }
    for name, (low, high) in bounds.items():
        values = getattr(drawn, name)
        # All of 4,000 draws miss a hundredth of the range at one end once in e^40.
        margin = 0.01 * (high - low)
        assert low - 1e-6 <= float(values.min()) < low + margin, name
        assert high - margin < float(values.max()) <= high + 1e-6, name
