"""The patient-clustered bootstrap with few seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from pipeline.seeding import numpy_rng
from pipeline.statistics import clustered_bootstrap


def test_one_seed_has_the_replicates_error() -> None:
    """Without seeds to compare, the error is the replicates' and the normal is taken."""
    replicates = np.array([0.01, 0.03, np.nan, 0.05])
    result = clustered_bootstrap([[0.03]], np.ones((1, 1, 5)), replicates)
    assert result.difference == 0.03
    assert result.error == pytest.approx(np.nanstd(replicates))
    assert np.isinf(result.df)
    assert result.low == pytest.approx(0.03 - 1.959964 * result.error)


def test_no_patient_luck_leaves_the_t_test_of_the_seeds() -> None:
    """Where patients are all alike, three seeds are three observations with two df."""
    seeds = np.array([0.01, 0.02, 0.06])
    result = clustered_bootstrap(seeds[None], np.zeros((1, 3, 5)), np.full(9, seeds.mean()))
    expected = ttest_1samp(seeds, 0)
    assert result.p == pytest.approx(expected.pvalue)
    assert result.df == pytest.approx(2)
    interval = expected.confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high))


def test_what_seeds_do_not_share_is_counted_once() -> None:
    """Patients' luck that is each seed's own is in the seeds' variance, and in that only.

    The two seeds move by opposite patients: their mean moves, but they have nothing in common, so
    only their own variance, 0.02^2 / 2 over two seeds, is left.
    """
    moves = np.array([[[0.02, 0.0], [0.0, 0.02]]])
    result = clustered_bootstrap([[0.01, 0.03]], moves, [0.0, 0.04])
    assert result.error == pytest.approx(np.sqrt(0.0002 / 2))


def test_folds_pool_their_seeds() -> None:
    """The variance of the mean of two folds of two seeds has two degrees of freedom."""
    values = np.array([[0.0, 0.02], [0.04, 0.08]])
    result = clustered_bootstrap(values, np.zeros((2, 2, 3)), np.zeros(4))
    assert result.error == pytest.approx(np.sqrt((0.0002 + 0.0008) / (4 * 2)))
    assert result.df == pytest.approx(2)


def test_level_with_luck_in_patients_and_seeds() -> None:
    """Of 400 tables without a difference about 5% are found: between 2% and 8%, 2.75 errors.

    Four seeds read the same 50 patients; patients' luck is half common and half the seed's own.
    """
    rng = numpy_rng(2, "clustered")
    found = 0
    for _ in range(400):
        answers = rng.normal(size=50) + rng.normal(size=(4, 50)) + 0.15 * rng.normal(size=(4, 1))
        moves = (answers - answers.mean(axis=1, keepdims=True)) / np.sqrt(50 * 49)
        drawn = rng.multinomial(50, np.full(50, 0.02), size=200) @ answers.mean(axis=0) / 50
        found += clustered_bootstrap(answers.mean(axis=1)[None], moves[None], drawn).p < 0.05
    assert 0.02 < found / 400 < 0.08


def test_seeds_that_share_a_generator_count_as_one() -> None:
    """Two generators of two seeds each are the two means of these; one for all leaves the seeds."""
    values = np.array([[0.00, 0.06, 0.02, 0.08]])
    still, drawn = np.zeros((1, 4, 3)), np.full(9, 0.04)
    paired = clustered_bootstrap(values, still, drawn, shared=[[0, 1, 0, 1]])
    means = ttest_1samp([0.01, 0.07], 0)
    assert (paired.p, paired.df) == (pytest.approx(means.pvalue), 1)
    one = clustered_bootstrap(values, still, drawn, shared=[[0, 0, 0, 0]])
    assert one == clustered_bootstrap(values, still, drawn)
    assert one.p == pytest.approx(ttest_1samp(values[0], 0).pvalue)


@pytest.mark.parametrize("generators", [2, 3, 5])
def test_level_with_luck_in_generators(generators: int) -> None:
    """Where generators' luck is twice the seeds', of 400 tables 5% are found: 2% to 8%.

    Six seeds; five generators leave one with two seeds, which a mean over seeds weighs double. Of
    two generators, one degree of freedom is left, and what is found may be less.
    """
    rng = numpy_rng(5, "shared", generators)
    shared = np.arange(6) % generators
    found = 0
    for _ in range(400):
        luck = 2 * rng.normal(size=generators)[shared] + rng.normal(size=6)
        result = clustered_bootstrap(luck[None], np.zeros((1, 6, 3)), np.zeros(4), shared=[shared])
        found += result.p < 0.05
    assert found / 400 < 0.08
    assert found / 400 > (0.02 if generators < 5 else 0.01)
