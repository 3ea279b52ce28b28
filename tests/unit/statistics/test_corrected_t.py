"""The corrected resampled t-test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from pipeline.seeding import numpy_rng
from pipeline.statistics import corrected_t


def test_closed_form_with_two_degrees_of_freedom() -> None:
    """With three folds p = 1 - t / sqrt(t^2 + 2), and the error holds 1/3 + ratio."""
    result = corrected_t([0.01, 0.02, 0.03], 0.5)
    error = 0.01 * math.sqrt(1 / 3 + 1 / 2)
    t = 0.02 / error
    assert result.difference == pytest.approx(0.02)
    assert (result.error, result.df) == pytest.approx((error, 2))
    assert result.p == pytest.approx(1 - t / math.sqrt(t**2 + 2))
    # The 97.5% quantile of Student's t with 2 degrees of freedom is 2q sqrt(2 / (1 - 4q^2)).
    quantile = 2 * 0.475 * math.sqrt(2 / (1 - 4 * 0.475**2))
    assert result.high - result.low == pytest.approx(2 * quantile * error)


def test_is_the_plain_t_test_without_overlap() -> None:
    """A ratio of zero gives SciPy's one-sample test."""
    differences = [0.03, -0.01, 0.02, 0.05, 0.0]
    expected = ttest_1samp(differences, 0)
    interval = expected.confidence_interval(0.9)
    result = corrected_t(differences, 0.0, 0.9)
    assert result.p == pytest.approx(expected.pvalue)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high))


def test_p_and_interval_agree() -> None:
    """The interval at 1 - p just touches zero."""
    result = corrected_t([0.01, 0.02, 0.06, 0.01], 0.25)
    touching = corrected_t([0.01, 0.02, 0.06, 0.01], 0.25, 1 - result.p)
    assert touching.low == pytest.approx(0, abs=1e-9)


def test_equal_differences() -> None:
    """Without scatter there is no evidence and no interval; one fold is an error."""
    for every in (0.0, 0.1):
        found = corrected_t([every] * 3, 0.5)
        assert (found.p, found.error, found.difference) == (1.0, 0.0, pytest.approx(every))
        assert np.isnan([found.low, found.high]).all()
    with pytest.raises(ValueError, match="at least two folds"):
        corrected_t([0.1], 0.5)


def test_keeps_its_level_where_repeats_share_patients() -> None:
    """Ten repeats over the same patients: the plain test cries wolf, the corrected one does not.

    A patient's own difference is common to all repeats, so 30 folds hold far less than 30
    observations. Of 400 runs under no difference 5% are expected below 0.05, with a standard
    error of 1.1%: the bound of 8% lies 2.75 of them above.
    """
    rng = numpy_rng(1, "corrected_t")
    corrected, plain = 0, 0
    for _ in range(400):
        patients = rng.normal(size=60)
        folds = []
        for _ in range(10):
            noisy = (patients + 0.5 * rng.normal(size=60))[rng.permutation(60)]
            folds.extend(noisy.reshape(3, 20).mean(axis=1))
        corrected += corrected_t(folds, 0.5).p < 0.05
        plain += ttest_1samp(folds, 0).pvalue < 0.05
    assert corrected / 400 < 0.08
    assert plain / 400 > 0.3


def test_finds_a_difference_that_is_there() -> None:
    """A difference of several standard errors is found."""
    folds = 0.05 + 0.01 * np.array([-1, 0, 1, 1, 0, -1, 0, 0, 1, -1])
    assert corrected_t(folds, 0.5).p < 0.001
