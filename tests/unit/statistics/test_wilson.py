"""The score interval of a proportion."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from pipeline.statistics import wilson


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (3, 7), (52, 65), (12, 12)])
def test_agrees_with_the_reference(hits: int, trials: int) -> None:
    """SciPy's own Wilson interval is met to rounding."""
    expected = binomtest(hits, trials).proportion_ci(0.9, method="wilson")
    assert wilson(hits, trials, 0.9) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_has_width_at_the_ends() -> None:
    """Ten of ten is not certainty: the bound is n / (n + z^2)."""
    low, high = wilson(10, 10, 0.95)
    assert high == pytest.approx(1.0)
    assert low == pytest.approx(10 / (10 + 1.959963984540054**2))


def test_nothing_seen_is_nothing_known() -> None:
    """Without trials the interval is everything."""
    assert wilson(0, 0) == (0.0, 1.0)


def test_ends_are_exact() -> None:
    """None of 600 starts at 0 and all of 600 end at 1, without a trace of rounding."""
    assert wilson(0, 600)[0] == 0.0
    assert wilson(600, 600)[1] == 1.0
