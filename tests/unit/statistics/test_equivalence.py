"""Two one-sided tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp

from pipeline.seeding import numpy_rng
from pipeline.statistics import Paired, equivalence


def result(difference: float, error: float, df: float = math.inf) -> Paired:
    """A test's outcome; its own interval and p are not used."""
    return Paired("t", difference, math.nan, math.nan, math.nan, error, df)


def test_is_the_larger_of_two_one_sided_t_tests() -> None:
    """SciPy's one-sided tests against both bounds give the same p."""
    values = np.array([0.004, -0.006, 0.01, 0.002, 0.005])
    error = values.std(ddof=1) / math.sqrt(5)
    above = ttest_1samp(values, -0.02, alternative="greater")
    below = ttest_1samp(values, 0.02, alternative="less")
    found = equivalence(result(float(values.mean()), error, 4), 0.02)
    assert found.p == pytest.approx(max(above.pvalue, below.pvalue))


def test_p_and_interval_agree() -> None:
    """The 90% interval touches the margin exactly where p is 5%."""
    error = 0.01 / norm.isf(0.05)
    found = equivalence(result(0.01, error), 0.02)
    assert found.p == pytest.approx(0.05)
    assert (found.low, found.high) == pytest.approx((0.0, 0.02))


def test_outside_of_the_margin_nothing_is_shown() -> None:
    """A difference on the margin has p 1/2, one beyond it more."""
    assert equivalence(result(-0.02, 0.01), 0.02).p == pytest.approx(0.5)
    assert equivalence(result(0.03, 0.01), 0.02).p > 0.5


@pytest.mark.parametrize("difference", [0.0, 0.01, 0.03])
def test_without_scatter_nothing_is_shown(difference: float) -> None:
    """Equal results everywhere are no proof that others would be equal."""
    found = equivalence(result(difference, 0.0), 0.02)
    assert found.p == 1
    assert np.isnan([found.low, found.high]).all()


def test_level_at_the_margin() -> None:
    """A true difference of exactly the margin is called equivalent in 5%: 2.75 errors of 1.1%."""
    rng = numpy_rng(3, "equivalence")
    estimates = 0.02 + 0.004 * rng.normal(size=400)
    found = np.mean([equivalence(result(float(x), 0.004), 0.02).p < 0.05 for x in estimates])
    assert 0.02 < found < 0.08
