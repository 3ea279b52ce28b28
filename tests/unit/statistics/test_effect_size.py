"""The standardised difference."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.seeding import numpy_rng
from pipeline.statistics import effect_size


def test_by_hand() -> None:
    """Four draws: J(3) is Gamma(3/2) / (sqrt(3/2) Gamma(1)), that is sqrt(pi / 6)."""
    found = effect_size([0.0, 0.02, 0.02, 0.04])
    raw = 0.02 / math.sqrt(0.0008 / 3)
    correction = math.sqrt(math.pi / 6)
    assert found is not None
    assert found.value == pytest.approx(correction * raw)
    half = 1.959964 * correction * math.sqrt(1 / 4 + raw**2 / 8)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))


def test_correction_takes_the_bias_out() -> None:
    """Over 4,000 samples of five the mean is the true 0.8, a quarter below the raw value.

    A value's standard deviation is about 0.75, so the mean's error is 0.012; 0.04 is three.
    """
    rng = numpy_rng(4, "effect")
    found = [effect_size(0.8 + rng.normal(size=5)) for _ in range(4000)]
    assert np.mean([value.value for value in found if value]) == pytest.approx(0.8, abs=0.04)


def test_undefined_without_scatter() -> None:
    """Two draws are too few, and equal ones have no unit."""
    assert effect_size([0.1, 0.2]) is None
    assert effect_size([0.1, 0.1, 0.1]) is None
