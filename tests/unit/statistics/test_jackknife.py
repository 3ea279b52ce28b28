"""Leaving one group out at a time."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.seeding import numpy_rng
from pipeline.statistics import jackknife_moves, leave_one_out, weighted_metrics


def test_the_variance_of_a_mean_is_the_usual_one() -> None:
    """For a mean the jackknife is exact: the sample variance over n; covariances alike."""
    rng = numpy_rng(1, "jackknife")
    values = rng.normal(size=(2, 12))
    _, weights = leave_one_out(np.arange(12))
    left_out = (values @ weights.T) / weights.sum(axis=1)
    moves = np.stack([jackknife_moves(row) for row in left_out])
    assert moves @ moves.T == pytest.approx(np.cov(values) / 12)


def test_groups_leave_together() -> None:
    """All images of a group have no weight in its row, and the others one."""
    present, weights = leave_one_out([4, 1, 4])
    assert present.tolist() == [1, 4]
    assert weights.tolist() == [[1, 0, 1], [0, 1, 0]]


def test_undefined_without_a_group_moves_nowhere() -> None:
    """The only group of a class decides whether there is a figure, not how large it is."""
    _, weights = leave_one_out([0, 1, 2])
    figures = weighted_metrics([1, 0, 0], [[0.4, 0.6], [0.7, 0.3], [0.2, 0.8]], weights, 1)
    moves = jackknife_moves(figures.overall["sensitivity"])
    assert np.isnan(figures.overall["sensitivity"][0])
    assert moves.tolist() == [0, 0, 0]
    assert jackknife_moves([0.5, np.nan]).tolist() == [0, 0]
