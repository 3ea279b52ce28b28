"""What passes is chosen for its variety, and what is refused never."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.selection.quota import choose, furthest_first


def test_the_middle_comes_first_and_then_what_is_furthest():
    """On a line, by hand: 6 is nearest the mean 5.67; then 0 (6 away), 11 (5) and 4 (2)."""
    points = np.array([[0.0], [4.0], [5.0], [6.0], [8.0], [11.0]])
    assert furthest_first(points, 4).tolist() == [3, 0, 5, 1]
    assert furthest_first(points, 2).tolist() == [3, 0]


def test_equal_points_are_one():
    """No two chosen points are the same place."""
    assert furthest_first(np.zeros((4, 2)), 3).tolist() == [0]


def test_of_what_passes_the_most_varied_is_chosen():
    """Two of three: not the two that are alike, though they score highest."""
    scores, features = np.array([0.9, 0.9, 0.6]), np.array([[0.0], [0.1], [5.0]])
    varied = choose(scores, features, 0.67, spread=True)
    assert varied.tolist() == [False, True, True]
    assert choose(scores, features, 0.67, spread=False).tolist() == [True, True, False]


def test_what_does_not_pass_gets_no_place_while_others_are_left():
    """However far away a bad image lies."""
    scores, features = np.r_[np.full(6, 0.8), np.full(6, 0.4)], np.arange(12.0)[:, None] ** 2
    assert np.flatnonzero(choose(scores, features, 0.25, spread=True)).max() < 6


@pytest.mark.parametrize("spread", [True, False])
def test_too_few_good_ones_are_filled_up_but_never_with_refused_ones(spread):
    """Of four, half: one passes, the best of the others joins it; zero never does."""
    features = np.arange(4.0)[:, None]
    for scores, keep, expected in (
        ([0.0, 0.8, 0.3, 0.1], 0.5, [1, 2]),
        ([0.0, 0.0, 0.0, 0.1], 0.75, [3]),
        ([0.0, 0.0, 0.0, 0.0], 1.0, []),
    ):
        chosen = choose(np.array(scores), features, keep, spread=spread)
        assert np.flatnonzero(chosen).tolist() == expected


def test_equal_images_still_fill_the_quota():
    """A generator that makes one image over and over is no reason to fail."""
    assert choose(np.full(4, 0.9), np.zeros((4, 2)), 0.5, spread=True).sum() == 2


@pytest.mark.parametrize(("count", "keep", "expected"), [(3, 0.5, 2), (5, 0.5, 3), (4, 0.1, 1)])
def test_the_quota_rounds_halves_up_and_keeps_at_least_one(count, keep, expected):
    """As many as asked for."""
    features = np.arange(float(count))[:, None]
    assert choose(np.linspace(0.6, 0.9, count), features, keep, spread=True).sum() == expected
