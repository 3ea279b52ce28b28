"""Power and the smallest difference that a design finds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import nct, norm
from scipy.stats import t as student

from pipeline.statistics import Paired, power, smallest_difference


def design(error: float, df: float = math.inf) -> Paired:
    """A test's error and degrees of freedom."""
    return Paired("t", 0.0, 0.0, 0.0, 1.0, error, df)


@pytest.mark.parametrize("df", [2, 7.5, 40])
@pytest.mark.parametrize("shift", [0.5, 2.0, 4.0])
def test_is_the_noncentral_t(df: float, shift: float) -> None:
    """Equal to SciPy's distribution, where that is a number."""
    bound = student.isf(0.025, df)
    expected = nct.sf(bound, df, shift) + nct.cdf(-bound, df, shift)
    assert power(design(0.01, df), 0.01 * shift) == pytest.approx(expected, abs=1e-6)


def test_normal_by_hand() -> None:
    """With a known error 80% power needs (1.96 + 0.84) errors."""
    expected = 0.01 * (norm.isf(0.025) + norm.isf(0.2))
    assert smallest_difference(design(0.01)) == pytest.approx(expected, rel=1e-4)
    assert power(design(0.01), expected) == pytest.approx(0.8, abs=1e-5)


@pytest.mark.parametrize("df", [1, 3.3, 25])
def test_smallest_difference_has_the_wanted_power(df: float) -> None:
    """One is the inverse of the other, at any level."""
    found = smallest_difference(design(0.02, df), 0.9, 0.01)
    assert power(design(0.02, df), found, 0.01) == pytest.approx(0.9, abs=1e-6)


def test_no_difference_is_found_with_alpha() -> None:
    """And power is the same for gains and losses; without scatter it is not known."""
    assert power(design(0.01, 6), 0.0) == pytest.approx(0.05, abs=1e-6)
    assert power(design(0.01, 6), -0.02) == power(design(0.01, 6), 0.02)
    assert np.isnan([power(design(0.0), 0.001), smallest_difference(design(0.0))]).all()


def test_few_degrees_of_freedom_cost_power() -> None:
    """Three folds once show much less than their error promises."""
    assert smallest_difference(design(0.01, 2)) > 1.9 * smallest_difference(design(0.01))
