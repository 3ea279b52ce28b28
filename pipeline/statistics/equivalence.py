"""The test that shows that a difference is too small to matter, not only that none was found."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import t as student

from pipeline.statistics.paired import ROUNDING, Paired


@dataclass(frozen=True)
class Equivalence:
    """Whether a difference lies within a margin of zero.

    Args:
        margin: Differences from -margin to margin count as none.
        p: p-value of a true difference outside of the margin.
        low: Lower bound of the interval of coverage 1 - 2 alpha; NaN where nothing varied.
        high: Upper bound; p <= alpha where the interval lies within the margin.
    """

    margin: float
    p: float
    low: float
    high: float


def equivalence(result: Paired, margin: float, confidence: float = 0.95) -> Equivalence:
    """Two one-sided tests: that the difference is above -margin and below margin.

    Args:
        result: Its difference, error and degrees of freedom are used.
        margin: In the metric's own unit, positive.
        confidence: 1 - alpha.

    Source: Schuirmann 1987, doi:10.1007/BF01068419.
    """
    if result.error <= ROUNDING:
        return Equivalence(margin, 1.0, math.nan, math.nan)
    # The nearer bound has the larger p-value of the two, which decides.
    p = float(student.sf((margin - abs(result.difference)) / result.error, result.df))
    half = float(student.isf(1 - confidence, result.df)) * result.error
    return Equivalence(margin, p, result.difference - half, result.difference + half)
