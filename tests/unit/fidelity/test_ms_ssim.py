"""MS-SSIM: closed forms, how many scales fit, and that collapse shows."""

import numpy as np
import pytest

from pipeline.fidelity.ms_ssim import ms_ssim, ms_ssim_diversity, scale_weights
from tests.masked_discs import discs


@pytest.mark.parametrize("size", [(32, 32), (48, 64), (16, 18, 20), (7, 9), (4, 20, 20)], ids=str)
def test_an_image_is_as_alike_itself_as_can_be(size):
    """One, whatever the size; less for another image."""
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(3, 2, *size))
    assert ms_ssim(images, images) == pytest.approx(1.0, rel=1e-12)
    assert ms_ssim(images, rng.uniform(size=images.shape)).max() < 0.9


def test_flat_images_differ_in_luminance_alone():
    """(2 a b + C1) / (a^2 + b^2 + C1) to the power of the coarsest scale's weight."""
    a, b = np.full((1, 1, 32, 32), 0.2), np.full((1, 1, 32, 32), 0.8)
    luminance = (2 * 0.2 * 0.8 + 1e-4) / (0.2**2 + 0.8**2 + 1e-4)
    weight = 0.2856 / (0.0448 + 0.2856)
    assert ms_ssim(a, b)[0] == pytest.approx(luminance**weight, rel=1e-9)


def test_it_is_symmetric_and_negatives_are_unlike():
    """An image and its negative have a covariance below 0, which counts as 0."""
    image = np.random.default_rng(0).uniform(size=(1, 1, 32, 32))
    other = np.random.default_rng(1).uniform(size=(1, 1, 32, 32))
    assert ms_ssim(image, other) == pytest.approx(ms_ssim(other, image), rel=1e-12)
    assert ms_ssim(image, 1.0 - image)[0] == 0.0


@pytest.mark.parametrize(
    ("shortest", "scales"),
    [(8, 1), (11, 1), (21, 1), (22, 2), (32, 2), (44, 3), (64, 3), (88, 4), (176, 5), (512, 5)],
)
def test_as_many_scales_as_leave_room_for_the_window(shortest, scales):
    """The coarsest has at least 11 pixels; weights sum to 1."""
    weights = scale_weights(shortest)
    assert len(weights) == scales
    assert sum(weights) == pytest.approx(1.0)


def diversity(images, rows=slice(None)):
    """Of some rows of a set."""
    rng = np.random.default_rng(0)
    return ms_ssim_diversity(images.scaled(rows), images.labels[rows], rng=rng)


def test_collapse_raises_it(tmp_path):
    """One image many times is fully alike; pairs are of one class."""
    images = discs(tmp_path, 20, size=(16, 16))
    assert diversity(images)["ms_ssim"] < 0.9
    assert diversity(images, [0, 1] * 10)["ms_ssim"] == pytest.approx(1.0)


def test_a_class_of_one_image_has_no_pairs(tmp_path):
    """It is left out; nothing is said where no class has two."""
    images = discs(tmp_path, 6, size=(16, 16))
    assert diversity(images, [0, 1]) == {}
    assert diversity(images, [0, 2, 1])["ms_ssim"] == pytest.approx(
        diversity(images, [0, 2])["ms_ssim"], rel=1e-12
    )
