"""The t-interval equals a textbook's and SciPy's."""

import math

import numpy as np
import pytest
from scipy import stats

from pipeline.statistics.t_interval import t_interval


def test_two_values_by_hand():
    """Of 1 and 3: mean 2, s / sqrt(2) = 1, and t(1) at 97.5% is tan(0.475 pi)."""
    mean, low, high = t_interval([1, 3], 0.95)
    half = math.tan(0.475 * math.pi)
    assert (mean, low, high) == pytest.approx((2, 2 - half, 2 + half))


def test_as_scipy_gives_it():
    """For twelve values at 90%, NaN left out."""
    values = np.random.default_rng(0).normal(3, 2, 12)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    mean, low, high = t_interval([*values, math.nan], 0.9)
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_too_few_values_have_no_interval():
    """One has a mean, none has nothing."""
    mean, low, high = t_interval([4.0], 0.95)
    assert mean == 4.0
    assert math.isnan(low)
    assert math.isnan(high)
    assert all(math.isnan(value) for value in t_interval([], 0.95))
