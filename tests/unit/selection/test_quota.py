"""The best of each neighbourhood, in proportion to what is good there."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.selection.quota import cells, centres, choose


def test_centres_are_the_middle_and_then_what_is_furthest():
    """On a line: the point nearest the mean, then both ends."""
    points = np.array([[0.0], [4.0], [5.0], [6.0], [11.0]])
    assert centres(points, 3).tolist() == [2, 4, 0]


def test_equal_points_are_one_centre():
    """No two centres are the same place."""
    assert centres(np.zeros((4, 2)), 3).tolist() == [0]


def test_images_belong_to_the_nearest_centre():
    """By position among the centres; one neighbourhood holds all."""
    rows = np.array([[0.0], [4.0], [5.0], [6.0], [11.0]])
    assert cells(np.array([[5.4], [9.0], [1.0]]), rows, 3).tolist() == [0, 1, 2]
    assert cells(np.array([[5.4], [9.0]]), rows, 1).tolist() == [0, 0]


def test_each_neighbourhood_gives_its_best_in_proportion():
    """Eight good images at home, four abroad: of six, four and two, the best of each."""
    scores = np.r_[np.linspace(0.9, 0.97, 8), np.linspace(0.6, 0.63, 4)]
    chosen = choose(scores, np.r_[np.zeros(8, int), np.ones(4, int)], 0.5)
    assert np.flatnonzero(chosen).tolist() == [4, 5, 6, 7, 10, 11]


def test_what_does_not_pass_has_no_part_in_the_quotas():
    """A neighbourhood full of bad images gives none while good ones are left."""
    scores = np.r_[np.full(6, 0.8), np.full(6, 0.2)]
    assert choose(scores, np.r_[np.zeros(6, int), np.ones(6, int)], 0.5)[:6].all()


def test_too_few_good_ones_are_filled_up_but_never_with_refused_ones():
    """Of four, half: one passes, the best of the others joins it; zero never does."""
    cell = np.zeros(4, int)
    assert choose(np.array([0.0, 0.8, 0.3, 0.1]), cell, 0.5).tolist() == [False, True, True, False]
    assert choose(np.array([0.0, 0.0, 0.0, 0.1]), cell, 0.75).tolist() == [False] * 3 + [True]
    assert not choose(np.zeros(4), cell, 1.0).any()


@pytest.mark.parametrize(("count", "keep", "expected"), [(3, 0.5, 2), (5, 0.5, 3), (4, 0.1, 1)])
def test_the_quota_rounds_halves_up_and_keeps_at_least_one(count, keep, expected):
    """As many as asked for, whatever the neighbourhoods."""
    scores = np.linspace(0.6, 0.9, count)
    assert choose(scores, np.arange(count) % 2, keep).sum() == expected
