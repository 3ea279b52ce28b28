"""A difference in units of how much it varies from one training to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln
from scipy.stats import norm

from pipeline.statistics.paired import ROUNDING


@dataclass(frozen=True)
class EffectSize:
    """A standardised difference with its interval."""

    value: float
    low: float
    high: float


def effect_size(differences: ArrayLike, confidence: float = 0.95) -> EffectSize | None:
    """The mean difference over draws, divided by its standard deviation between them.

    It describes: 1 means that a training run's gain is typically as large as the gain's own
    scatter. The interval takes draws as independent, which those that share patients are not; the
    tests decide.

    Args:
        differences: (D,) one a fold and repeat, seeds averaged.
        confidence: Two-sided coverage of the interval.

    Returns:
        The value after Hedges' correction, or None where fewer than three draws or equal ones
        leave it undefined.

    Source: correction J and the variance: Hedges 1981, doi:10.3102/10769986006002107, in the form
    for paired differences of Borenstein et al. 2009, doi:10.1002/9780470743386, chapter 4, at
    r = 1/2, where the unit is the standard deviation of the differences.
    """
    values = np.asarray(differences, np.float64)
    count = len(values)
    spread = float(values.std(ddof=1)) if count > 2 else 0.0
    if spread <= ROUNDING:
        return None
    raw = float(values.mean()) / spread
    correction = _correction(count - 1)
    error = correction * math.sqrt(1 / count + raw**2 / (2 * count))
    value, half = correction * raw, float(norm.isf((1 - confidence) / 2)) * error
    return EffectSize(value, value - half, value + half)


def _correction(df: int) -> float:
    """J(df), by which the uncorrected value is too large on average."""
    return math.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / math.sqrt(df / 2)
