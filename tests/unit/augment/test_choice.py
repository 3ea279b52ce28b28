"""From params.yaml to the augmentation, and what is refused on the way."""

from __future__ import annotations

import pytest

from pipeline.augment.choice import choose
from pipeline.augment.classical import ClassicalAugmentation
from pipeline.augment.monai_list import MonaiList
from pipeline.config import Augment
from pipeline.errors import ParameterError


def test_every_range_reaches_its_transform():
    """No parameter of the section is dropped or mistaken for another."""
    section = Augment(
        rotation_degrees=1, flip=[1], translation=0.02, scale=0.03, elastic=0.04, brightness=0.05,
        contrast=0.06, gamma=0.07, noise=0.08, blur=0.09,
    )  # fmt: skip
    made = choose(section, 2)
    assert isinstance(made, ClassicalAugmentation)
    spatial, intensity = made.spatial, made.intensity
    assert (spatial.rotation_degrees, spatial.flip) == (1, (1,))
    assert (spatial.translation, spatial.scale, spatial.elastic) == (0.02, 0.03, 0.04)
    assert (intensity.brightness, intensity.contrast, intensity.gamma) == (0.05, 0.06, 0.07)
    assert (intensity.noise, intensity.blur) == (0.08, 0.09)


@pytest.mark.parametrize(("flip", "axes"), [(True, (0, 1, 2)), (False, ()), ([0, 2], (0, 2))])
def test_flip(flip, axes):
    """`true` flips every axis, `false` none, a list those it names."""
    made = choose(Augment(flip=flip), 3)
    assert isinstance(made, ClassicalAugmentation)
    assert made.spatial.flip == axes


def test_a_list_of_monai_transforms_comes_first():
    """With augment.monai the list is the augmentation."""
    assert isinstance(choose(Augment(monai=({"name": "RandFlip"},)), 2), MonaiList)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rotation_degrees": (1.0, 2.0)}, "augment.rotation_degrees: give one angle or 3"),
        ({"flip": (0, 5)}, r"augment.flip: got \(0, 5\); the axes are 0 to 2"),
        ({"elastic": 0.11}, "augment.elastic: got 0.11, which can fold"),
    ],
)
def test_what_does_not_fit_the_images(values, message):
    """A range that does not fit the number of axes is told with its place in params.yaml."""
    with pytest.raises(ParameterError, match=message):
        choose(Augment(**values), 3)


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_the_defaults_suit_images_and_volumes(spatial_dims):
    """Nothing of the defaults is refused in 2D or in 3D."""
    assert isinstance(choose(Augment(), spatial_dims), ClassicalAugmentation)
