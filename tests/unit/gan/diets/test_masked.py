"""Holes around lesions, and sets without masks."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.diets.masked import HOLES, ball, bounds, box


def rectangle():
    """A mask (1, 1, 16, 16) of rows 4 to 7 and columns 6 to 9."""
    mask = torch.zeros(1, 1, 16, 16)
    mask[:, :, 4:8, 6:10] = 1.0
    return mask


def test_bounds_are_first_and_last_pixel():
    """Of a rectangle, its own rows and columns; of an empty mask, the whole image."""
    first, last = bounds(torch.cat([rectangle(), torch.zeros(1, 1, 16, 16)]))
    assert first.tolist() == [[4, 6], [0, 0]]
    assert last.tolist() == [[7, 9], [15, 15]]


def test_boxes_are_as_wide_as_the_margin_says():
    """Two pixels on each side of 4 x 4 make 8 x 8, in place."""
    hole = box(rectangle(), 2)
    assert hole.sum() == 64
    assert hole[0, 0, 2:10, 4:12].all()


def test_balls_hold_their_lesion_and_less_than_their_box_would():
    """Every lesion pixel is inside, a corner's neighbour too, and the ball is round.

    The ellipsoid through the outermost pixels' centres has half axes of 1.5 sqrt(2); with a
    margin of 2 they are 4.1, which holds 52 pixels of a square of 8 x 8, whose corners are out.
    """
    mask = rectangle()
    hole = ball(mask, 2)
    assert (hole >= mask).all()
    first, last = bounds(hole)
    assert (last - first + 1).tolist() == [[8, 8]]
    assert 40 < hole.sum() < 60
    assert hole[0, 0, 2, 4] == 0


def test_balls_end_where_their_box_does():
    """The ellipsoid that holds a full square reaches over its sides, and is cut off there."""
    mask = torch.zeros(1, 1, 32, 32)
    mask[:, :, 8:24, 8:24] = 1.0
    first, last = bounds(ball(mask, 1))
    assert first.tolist() == [[7, 7]]
    assert last.tolist() == [[24, 24]]


@pytest.mark.parametrize("shape", ["ball", "box"])
def test_volumes_have_holes_too(shape):
    """In 3D a hole holds its lesion, and an empty mask has an empty hole."""
    mask = torch.zeros(2, 1, 8, 12, 12)
    mask[0, :, 2:5, 3:9, 4:6] = 1.0
    hole = HOLES[shape](mask, 1.0)
    assert (hole >= mask).all()
    assert not hole[1].any()
    assert 0 < hole[0].mean() < 1
