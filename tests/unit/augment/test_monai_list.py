"""A user's list of MONAI transforms: their results, per-image seeds, and mistakes told plainly."""

from __future__ import annotations

import monai.transforms
import numpy as np
import pytest
import torch

from pipeline.augment.monai_list import MonaiList
from pipeline.errors import ParameterError

RANDOM = (
    {"name": "RandAffine", "prob": 1.0, "rotate_range": 0.5, "padding_mode": "border"},
    {"name": "RandGaussianNoised", "prob": 1.0, "std": 0.1},
)


def images_of(n, size=(14, 11)):
    """White noise in [-1, 1]."""
    return torch.rand((n, 1, *size), generator=torch.Generator().manual_seed(0)) * 2 - 1


def generators(n):
    """One generator an image."""
    return [np.random.default_rng(index) for index in range(n)]


@pytest.mark.parametrize("name", ["Flip", "Flipd"])
@pytest.mark.parametrize("size", [(14, 11), (6, 7, 5)])
def test_it_is_monais_own_result(name, size):
    """Array and dictionary transforms do what they do alone."""
    images = images_of(2, size)
    made = MonaiList.build([{"name": name, "spatial_axis": 0}])(images, rng=generators(2))
    assert torch.equal(made.images, images.flip(2))
    assert type(made.images) is torch.Tensor


def test_transforms_are_seeded_by_image():
    """The image's seed is the transform's, whether the image is alone or in a batch."""
    augment = MonaiList.build(RANDOM)
    images = images_of(3)
    together = augment(images, rng=generators(3)).images
    assert torch.equal(augment(images, rng=generators(3)).images, together)
    alone = augment(images[2:], rng=[np.random.default_rng(2)]).images
    assert torch.equal(alone[0], together[2])
    other = augment(images, rng=torch.Generator().manual_seed(0)).images
    assert not torch.equal(other, together)


def test_steps_draw_apart():
    """Two equal steps are not seeded alike: noise added twice is not twice the noise."""
    step = {"name": "RandGaussianNoise", "prob": 1.0, "std": 0.01, "sample_std": False}
    zeros = torch.zeros(1, 1, 40, 40)
    twice = MonaiList.build([step, step])(zeros, rng=generators(1)).images
    # sqrt(2) * 0.01 when independent, 0.02 when equal; 1,600 pixels give it to 2 % (1 sigma).
    assert float(twice.std()) == pytest.approx(0.01414, rel=0.1)


@pytest.mark.parametrize("name", ["RandAffine", "RandAffined", "RandRotated", "RandZoomd"])
def test_masks_move_with_images_by_the_nearest_pixel(name):
    """A mask goes through the same movement, and holds no value that it did not hold."""
    ranges = {
        "RandRotated": {"range_x": 0.8},
        "RandZoomd": {"min_zoom": 0.7, "max_zoom": 1.4},
    }.get(name, {"rotate_range": 0.8, "translate_range": 3})
    augment = MonaiList.build([{"name": name, "prob": 1.0, **ranges}])
    masks = torch.zeros(4, 1, 32, 32, dtype=torch.uint8)
    masks[..., 6:20, 8:26] = 1
    made = augment(masks.float() * 2 - 1, rng=generators(4), masks=masks)
    assert made.masks.dtype == torch.uint8
    assert set(made.masks.unique().tolist()) == {0, 1}
    assert not torch.equal(made.masks, masks)
    agrees = (made.images > 0) == made.masks.bool()
    assert float(agrees.float().mean()) > 0.95


def test_intensities_leave_masks_alone():
    """Noise reaches the image alone, also where the transform takes a dictionary."""
    augment = MonaiList.build([{"name": "RandGaussianNoised", "prob": 1.0}])
    masks = torch.ones(2, 1, 14, 11, dtype=torch.uint8)
    made = augment(images_of(2), rng=generators(2), masks=masks)
    assert torch.equal(made.masks, masks)
    assert not torch.equal(made.images, images_of(2))


def test_results_stay_in_the_window():
    """What leaves [-1, 1] is clipped."""
    made = MonaiList.build([{"name": "ShiftIntensity", "offset": 5.0}])(
        images_of(1), rng=generators(1)
    )
    assert torch.equal(made.images, torch.ones(1, 1, 14, 11))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"prob": 0.5}, r"augment\.monai\[0\]: has no name; write e\.g\. \{name: RandFlip"),
        ({"name": "RandFilpd"}, r"augment\.monai\[0\]\.name: got 'RandFilpd'.*RandFlipd"),
        ({"name": "Tensor"}, r"augment\.monai\[0\]\.name: got 'Tensor', which is no transform"),
        ({"name": "RandFlip", "probability": 1}, r"augment\.monai\[0\]: RandFlip refuses.*probab"),
        (
            {"name": "RandFlipd", "keys": ["a"]},
            r"augment\.monai\[0\]\.keys: is set by the pipeline",
        ),
        ({"name": "RandAffine", "prob": 1.0, "mode": 7.5}, r"augment\.monai\[0\]: RandAffine"),
    ],
)
def test_mistakes_are_told(item, message):
    """A wrong name or argument is a sentence about params.yaml."""
    with pytest.raises(ParameterError, match=message):
        MonaiList.build([item])(images_of(1), rng=generators(1))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"name": "Resize", "spatial_size": [4, 4]}, r"shape \(1, 14, 11\) into \(1, 4, 4\)"),
        ({"name": "Flip", "spatial_axis": 5}, r"Flip fails on images of shape \(1, 14, 11\)"),
        (
            {"name": "ScaleIntensity", "minv": None, "maxv": None, "factor": float("inf")},
            "makes values that are not finite",
        ),
    ],
)
def test_misfits_are_told(item, message):
    """A transform that does not fit the images is a sentence about params.yaml too."""
    with pytest.raises(ParameterError, match=rf"augment\.monai\[0\]: .*{message}"):
        MonaiList.build([item])(images_of(1), rng=generators(1))


def test_the_transform_is_monais(monkeypatch):
    """Names are looked up in monai.transforms, so what a newer MONAI adds is there."""
    monkeypatch.setattr(monai.transforms, "Newest", monai.transforms.Flip, raising=False)
    made = MonaiList.build([{"name": "Newest", "spatial_axis": 1}])(images_of(1), rng=generators(1))
    assert torch.equal(made.images, images_of(1).flip(3))
