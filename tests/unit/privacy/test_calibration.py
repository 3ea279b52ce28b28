"""Thresholds and p-values keep what they state, by closed form and by simulation."""

import numpy as np
import pytest
from scipy.stats import binom

from pipeline.privacy.calibration import Yardstick, margins


def test_margins_by_hand():
    """Twice as near is log 2; distance 0 is finite; equal distances are 0."""
    near, far = np.array([1.0, 0.0, 2.0]), np.array([2.0, 1.0, 2.0])
    found = margins(near, far, usual=1.0)
    assert found == pytest.approx([np.log(2.01 / 1.01), np.log(101.0), 0.0])


def test_conformal_p_values_by_hand():
    """(1 + as great) / (n + 1), ties counting as great."""
    yardstick = Yardstick.of(np.array([3.0, 1.0, 2.0, 4.0]), 4, 0.2)
    scores = np.array([0.0, 2.0, 3.5, 9.0])
    assert yardstick.conformal(scores) == pytest.approx([1.0, 0.8, 0.4, 0.2])


def test_the_threshold_is_what_is_attainable():
    """With 99 images at 2% the second greatest; with 4 no less than one in five."""
    many = Yardstick.of(np.arange(99.0), 99, 0.02)
    assert (many.rank, many.threshold, many.expected) == (2, 97.0, 0.02)
    few = Yardstick.of(np.arange(4.0), 4, 0.02)
    assert (few.rank, few.threshold, few.expected) == (1, 3.0, 0.2)
    low, high = few.realised
    assert low < 0.25 < high


def test_a_count_of_flagged_images_by_closed_form():
    """One held-out and one fresh image: each is as likely the greater."""
    yardstick = Yardstick.of(np.array([0.0]), 1, 0.5)
    assert yardstick.chance_of(1, 1) == pytest.approx(0.5)
    # With n and N, all N above the greatest of n: n! N! / (n + N)! orders of the pool.
    yardstick = Yardstick.of(np.arange(5.0), 5, 0.01)
    assert yardstick.chance_of(3, 3) == pytest.approx(1 / 56)


@pytest.mark.parametrize("draw", ["exponential", "normal"])
def test_tail_p_values_are_as_rare_as_they_say(draw):
    """Of exponential tails they are exact; lighter tails make them too large, which is safe."""
    rng = np.random.default_rng(0)
    trials, p = 4000, 0.002
    hits = 0
    for _ in range(trials):
        scores = getattr(rng, f"standard_{draw}")(61)
        yardstick = Yardstick.of(scores[:60], 60, 0.01)
        hits += int(yardstick.tail(scores[60:])[0] <= p)
    # 0.002 lies below the conformal resolution of 1 / 61. Chances of 0.1% on either side.
    assert hits <= binom(trials, p).isf(0.001)
    if draw == "exponential":
        assert hits >= binom(trials, p).ppf(0.001)


def test_the_tail_goes_on_where_ranks_end():
    """Beyond the greatest held-out score p falls, without a jump that favours a finding."""
    yardstick = Yardstick.of(np.random.default_rng(0).exponential(size=200), 200, 0.01)
    scores = np.linspace(0, 30, 400)
    tail, ranks = yardstick.tail(scores), yardstick.conformal(scores)
    assert np.all(np.diff(tail) <= 1e-12)
    assert tail[-1] < 1e-6 < ranks[-1]
