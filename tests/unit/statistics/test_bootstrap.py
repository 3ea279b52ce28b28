"""The patient-clustered, paired bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.seeding import numpy_rng
from pipeline.statistics import (
    group_weights,
    percentile_interval,
    weighted_metrics,
)


def test_weights_keep_the_size_of_each_stratum() -> None:
    """Every resampled set has as many groups of each class as the test set."""
    strata = np.array([0, 0, 0, 1, 1, 2])
    weights = group_weights(strata, 50, rng=numpy_rng(4, "weights"))
    assert weights.shape == (50, 6)
    for stratum, size in ((0, 3), (1, 2), (2, 1)):
        assert (weights[:, strata == stratum].sum(axis=1) == size).all()


def test_same_seed_same_weights() -> None:
    """The draws are the generator's and nothing else's."""
    first = group_weights([0] * 9, 5, rng=numpy_rng(5, "weights"))
    second = group_weights([0] * 9, 5, rng=numpy_rng(5, "weights"))
    assert np.array_equal(first, second)


def test_standard_error_of_a_proportion() -> None:
    """The spread of an accuracy is sqrt(pq / n) over patients, whatever their number of images.

    20,000 draws know a standard deviation to a relative 1 / sqrt(2 * 20000) = 0.5%; 3% is six
    of these.
    """
    labels = np.zeros(60, int)
    probabilities = np.tile([[0.8, 0.2]], (60, 1))
    probabilities[:15] = [0.2, 0.8]
    for images in (1, 4):
        drawn = group_weights(np.zeros(60, int), 20_000, rng=numpy_rng(7, "spread"))
        figures = weighted_metrics(
            labels.repeat(images),
            probabilities.repeat(images, axis=0),
            drawn.repeat(images, axis=1),
            0,
        )
        expected = np.sqrt(0.75 * 0.25 / 60)
        assert figures.overall["accuracy"].std() == pytest.approx(expected, rel=0.03)


def test_interval_by_hand() -> None:
    """Percentiles of 0..100, without what is undefined."""
    values = np.append(np.arange(101.0), np.nan)
    assert percentile_interval(values, 0.9) == pytest.approx((5, 95))
    assert np.isnan(percentile_interval([np.nan], 0.9)).all()
