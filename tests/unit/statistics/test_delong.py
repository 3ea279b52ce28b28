"""DeLong's test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from pipeline.seeding import numpy_rng
from pipeline.statistics import delong
from pipeline.statistics.delong import structural_components


def by_definition(positive: np.ndarray, *scores: np.ndarray) -> tuple[float, float]:
    """Difference of two areas and its variance, from the definition by loops over all pairs."""
    areas, of_positives, of_negatives = [], [], []
    for score in scores:
        x, y = score[positive], score[~positive]
        wins = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in y] for a in x])
        areas.append(wins.mean())
        of_positives.append(wins.mean(axis=1))
        of_negatives.append(wins.mean(axis=0))
    covariance = np.cov(of_positives) / positive.sum() + np.cov(of_negatives) / (~positive).sum()
    contrast = np.array([1.0, -1.0])
    return areas[0] - areas[1], float(contrast @ covariance @ contrast)


def test_agrees_with_the_definition() -> None:
    """Ranks give the same difference, variance, interval and p as all pairs do, ties included."""
    rng = numpy_rng(2, "delong")
    positive = rng.random(50) < 0.4
    first = np.round(rng.normal(size=50) + positive, 1)
    second = np.round(rng.normal(size=50) + 0.3 * positive, 1)
    difference, variance = by_definition(positive, first, second)
    result = delong(positive, first, second)
    assert result.difference == pytest.approx(difference)
    assert result.p == pytest.approx(2 * norm.sf(abs(difference) / math.sqrt(variance)))
    half = norm.isf(0.025) * math.sqrt(variance)
    assert (result.low, result.high) == pytest.approx((difference - half, difference + half))


def test_components_by_hand() -> None:
    """Positives 3 and 1 against negatives 2 and 0: three of four pairs are in order."""
    components = structural_components(
        np.array([True, True, False, False]), np.array([3.0, 1.0, 2.0, 0.0])
    )
    assert components == pytest.approx([1.0, 0.5, 0.5, 1.0])


def test_equal_scores_are_no_evidence() -> None:
    """Any strictly increasing change of scale leaves the ranking, hence no difference."""
    positive = np.array([True, False, True, False, True, False])
    scores = np.array([0.9, 0.2, 0.4, 0.5, 0.8, 0.1])
    assert delong(positive, scores, np.exp(scores)).p == 1.0


def test_groups_of_one_change_nothing_and_copies_add_nothing() -> None:
    """Obuchowski's variance is DeLong's for single images, and ignores copied ones.

    Positives and negatives stand in groups of their own, so that copying each image five times
    leaves every group's mean component, hence the variance, as it was.
    """
    rng = numpy_rng(3, "delong")
    positive = rng.random(40) < 0.5
    first, second = rng.normal(size=40) + positive, rng.normal(size=40) + positive
    plain = delong(positive, first, second)
    single = delong(positive, first, second, groups=np.arange(40))
    copied = delong(
        positive.repeat(5), first.repeat(5), second.repeat(5), groups=np.arange(40).repeat(5)
    )
    assert single.p == pytest.approx(plain.p)
    assert copied.p == pytest.approx(plain.p)
    assert delong(positive.repeat(5), first.repeat(5), second.repeat(5)).p < plain.p


def test_needs_two_patients_of_each_kind() -> None:
    """One positive has no variance."""
    with pytest.raises(ValueError, match="two positive"):
        delong([True, False, False], [0.9, 0.1, 0.2], [0.5, 0.4, 0.6])
