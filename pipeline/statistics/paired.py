"""What every paired test returns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from scipy.stats import t as student

# Differences that are equal in exact arithmetic leave an error of this size by rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Paired:
    """The difference between two arms on the same test images.

    Args:
        test: The test's name, as written in comparison.json.
        difference: The arm minus the one it is held against.
        low: Lower bound of the two-sided interval for the difference; NaN where nothing varied.
        high: Upper bound.
        p: Two-sided p-value of no difference, uncorrected; 1 where nothing varied.
        error: Standard error of the difference; 0 where nothing varied.
        df: Degrees of freedom behind the error; infinite where the normal or the bootstrap's
            distribution is taken.
    """

    test: str
    difference: float
    low: float
    high: float
    p: float
    error: float
    df: float = math.inf

    @classmethod
    def from_error(
        cls, test: str, difference: float, error: float, df: float, confidence: float
    ) -> Self:
        """The t-test (normal where `df` is infinite) of a difference with a standard error.

        Where no draw and no patient differs, chance has left no trace to be judged by: that is no
        certainty, so there is neither an interval nor a small p.
        """
        if error <= ROUNDING:
            return cls(test, difference, math.nan, math.nan, 1.0, 0.0, df)
        half = float(student.isf((1 - confidence) / 2, df)) * error
        p = 2 * float(student.sf(abs(difference) / error, df))
        return cls(test, difference, difference - half, difference + half, p, error, df)
