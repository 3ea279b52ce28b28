"""A sound scan passes; what is wrong with another is said in words."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.sources.source import Scan, Settings
from pipeline.sources.validity import problem_with

SETTINGS = Settings(("CT",), "HU", (-100.0, 200.0), -1024, 3071)
SOUND = Scan("key", "cyst", "patient", np.arange(12).reshape(1, 3, 4), spacing_mm=(1.0, 0.5))


def test_a_sound_scan_has_no_problem():
    """Also with a mask that nobody asked for, or a colour image of a colour source."""
    assert problem_with(SOUND, SETTINGS, (3, 4)) is None
    assert problem_with(replace(SOUND, mask=np.zeros((1, 9))), SETTINGS, (3, 4)) is None
    colour = replace(SETTINGS, channels=("red", "green", "blue"))
    assert (
        problem_with(replace(SOUND, image=np.arange(36).reshape(3, 3, 4)), colour, (3, 4)) is None
    )


@pytest.mark.parametrize("edge", [-1024, 3071])
def test_the_bounds_themselves_are_allowed(edge):
    """The least and the greatest announced value pass, one further does not."""
    image = SOUND.image.copy()
    image[0, 0, 0] = edge
    assert problem_with(replace(SOUND, image=image), SETTINGS, (3, 4)) is None
    image[0, 0, 0] = edge + np.sign(edge)
    assert "outside of -1024 to 3071 HU" in problem_with(
        replace(SOUND, image=image), SETTINGS, (3, 4)
    )


@pytest.mark.parametrize("spacing", [(1.0,), (0.0, 1.0), (-1.0, 1.0), (np.nan, 1.0), (np.inf, 1.0)])
def test_a_spacing_is_one_positive_number_an_axis(spacing):
    """Anything else is no spacing."""
    assert "spacing" in problem_with(replace(SOUND, spacing_mm=spacing), SETTINGS, (3, 4))


@pytest.mark.parametrize(("allowed", "problem"), [(False, "its mask is empty"), (True, None)])
def test_an_empty_mask_is_right_only_where_the_source_says_so(allowed, problem):
    """For a normal image it is; where masks outline what all scans show, it is lost."""
    empty = replace(SOUND, mask=np.zeros((1, 3, 4), np.uint8))
    assert (
        problem_with(empty, replace(SETTINGS, masks=True, empty_masks=allowed), (3, 4)) == problem
    )


@pytest.mark.parametrize("empty_masks", [False, True])
def test_an_absent_mask_is_no_empty_one(empty_masks):
    """An image without a mask is broken either way, and so is a mask of another shape."""
    settings = replace(SETTINGS, masks=True, empty_masks=empty_masks)
    assert problem_with(SOUND, settings, (3, 4)) == "has no mask"
    wrong = replace(SOUND, mask=np.zeros((1, 4, 4), np.uint8))
    assert "its mask has the shape" in problem_with(wrong, settings, (3, 4))
