"""McNemar's test, alone and with several images a patient."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from pipeline.statistics import mcnemar, mcnemar_clustered


def outcomes(both: int, b: int, c: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Two rows of outcomes with the given counts."""
    first = np.repeat([True, True, False, False], [both, b, c, neither])
    second = np.repeat([True, False, True, False], [both, b, c, neither])
    return first, second


def test_published_example() -> None:
    """Fagerland et al. 2013, table 2: b = 1, c = 7 give exact 18/256 and mid-p 10/256."""
    first, second = outcomes(1, 1, 7, 12)
    assert mcnemar(first, second, mid_p=False).p == pytest.approx(18 / 256)
    assert mcnemar(first, second).p == pytest.approx(10 / 256)
    assert mcnemar(first, second).difference == pytest.approx(-6 / 21)


def test_exact_is_the_binomial_test() -> None:
    """The exact test is SciPy's sign test on the images that only one arm gets right."""
    first, second = outcomes(40, 13, 5, 9)
    assert mcnemar(first, second, mid_p=False).p == pytest.approx(binomtest(13, 18).pvalue)


def test_equal_arms() -> None:
    """Equal arms differ by nothing, with an interval of some width around it."""
    for first, second in (outcomes(9, 0, 0, 1), outcomes(5, 3, 3, 1)):
        result = mcnemar(first, second)
        assert result.p == 1.0
        assert result.low < 0 < result.high


def test_clustered_is_mcnemars_chi_square_with_one_image_each() -> None:
    """Without clusters the statistic is (b - c)^2 / (b + c)."""
    first, second = outcomes(40, 13, 5, 9)
    result = mcnemar_clustered(first, second, np.arange(67))
    assert result.p == pytest.approx(chi2.sf(64 / 18, 1))


def test_copies_of_a_patients_image_are_no_further_evidence() -> None:
    """Five identical images a patient leave p as it was, where images taken alone mislead."""
    first, second = outcomes(40, 13, 5, 9)
    once = mcnemar_clustered(first, second, np.arange(67))
    many = mcnemar_clustered(first.repeat(5), second.repeat(5), np.arange(67).repeat(5))
    assert many.p == pytest.approx(once.p)
    assert (many.low, many.high) == pytest.approx((once.low, once.high))
    assert mcnemar(first.repeat(5), second.repeat(5)).p < once.p / 100


def test_rejects_rows_that_do_not_match() -> None:
    """A test of pairs needs pairs."""
    with pytest.raises(ValueError, match="equally long"):
        mcnemar([True], [True, False])


def test_clustered_identical_answers_are_no_certainty() -> None:
    """Where no patient tells the arms apart there is no interval, as nowhere else."""
    same = np.array([True, True, False, True])
    result = mcnemar_clustered(same, same, np.array([0, 0, 1, 2]))
    assert (result.difference, result.p, result.error) == (0.0, 1.0, 0.0)
    assert np.isnan([result.low, result.high]).all()
