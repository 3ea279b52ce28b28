"""The test over training draws that share test patients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_1samp

from pipeline.seeding import numpy_rng
from pipeline.statistics import mrmc, training_overlap


def test_by_hand() -> None:
    """Two patients, three draws: variance, degrees of freedom and p from the formulas.

    The products of the moves over pairs of draws are 1*2 + 1*0, 1*1 + 1*1 and 2*1 + 0*1, so C is
    (2 + 2 + 2) / 3 = 2 in units of 0.01^2. s^2 is 1 in the same units, and rho 1/5 makes the
    trained part 1/3 + 1/4 = 7/12.
    """
    moves = 0.01 * np.array([[1, 1], [2, 0], [1, 1]])
    result = mrmc([0.01, 0.02, 0.03], moves, 0.2)
    assert result.difference == pytest.approx(0.02)
    assert result.error == pytest.approx(0.01 * np.sqrt(7 / 12 + 2))
    assert result.df == pytest.approx(2 * ((7 / 12 + 2) / (7 / 12)) ** 2)
    assert result.p == pytest.approx(2 * student.sf(0.02 / result.error, result.df))
    half = student.isf(0.025, result.df) * result.error
    assert (result.low, result.high) == pytest.approx((0.02 - half, 0.02 + half))


def test_is_the_plain_t_test_where_draws_share_nobody() -> None:
    """Without common test patients and training patients the draws are independent."""
    differences = [0.03, -0.01, 0.02, 0.05]
    result = mrmc(differences, np.eye(4))
    assert result.p == pytest.approx(ttest_1samp(differences, 0).pvalue)
    assert result.df == 3


def test_negative_covariance_counts_as_none() -> None:
    """An estimate below zero does not make the error smaller than that of independent draws."""
    opposed = mrmc([0.01, 0.03], [[0.01, 0.0], [-0.01, 0.0]])
    assert opposed.error == pytest.approx(mrmc([0.01, 0.03], np.zeros((2, 2))).error)


def test_equal_draws_leave_the_patients() -> None:
    """Draws that agree exactly leave the error of their common test patients, as normal."""
    result = mrmc([0.02, 0.02], [[0.01, -0.01], [0.01, -0.01]])
    assert result.error == pytest.approx(0.01 * np.sqrt(2))
    assert np.isinf(result.df)


def test_overlap_is_the_share_in_common() -> None:
    """Of equal sets the number in common over their size; disjoint sets have none."""
    first, second, third = frozenset("abcd"), frozenset("cdef"), frozenset("gh")
    assert training_overlap([first, second]) == 0.5
    assert training_overlap([first, second, third]) == pytest.approx(0.5 / 3)
    assert training_overlap([first, third]) == training_overlap([first]) == 0


def test_what_cannot_be_tested_is_an_error() -> None:
    """One draw has no variance, and draws of one training set none of training sets."""
    with pytest.raises(ValueError, match="at least two"):
        mrmc([0.1], np.zeros((1, 2)))
    with pytest.raises(ValueError, match="the same patients"):
        mrmc([0.1, 0.2], np.zeros((2, 2)), 1.0)


def test_keeps_its_level_where_draws_share_test_patients() -> None:
    """Six draws on 40 patients: the plain test over draws cries wolf, this one does not.

    Of 400 runs under no difference 5% are expected below 0.05, with a standard error of 1.1%: the
    bound of 8% lies 2.75 of them above, and so does 2% below.
    """
    rng = numpy_rng(1, "mrmc")
    found, plain = 0, 0
    for _ in range(400):
        answers = rng.normal(size=40) + rng.normal(size=(6, 40)) + 0.15 * rng.normal(size=(6, 1))
        centred = answers - answers.mean(axis=1, keepdims=True)
        moves = centred / np.sqrt(40 * 39)
        found += mrmc(answers.mean(axis=1), moves).p < 0.05
        plain += ttest_1samp(answers.mean(axis=1), 0).pvalue < 0.05
    assert 0.02 < found / 400 < 0.08
    assert plain / 400 > 0.2
