"""What a design could have shown: power at a difference, and the smallest difference it finds.

Both follow from the error and degrees of freedom of the test that was made, before or without its
outcome: they say what the patients and draws allow, not how the result came out.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import chi2
from scipy.stats import t as student

from pipeline.statistics.paired import ROUNDING, Paired

_NODES = 200


def power(result: Paired, difference: float, alpha: float = 0.05) -> float:
    """The chance that a true difference would be found; NaN where nothing varied.

    Args:
        result: Its error and degrees of freedom are used.
        difference: The true one.
        alpha: Two-sided level of the test.

    Source: the noncentral t-distribution; Cohen 1988, doi:10.4324/9780203771587, chapter 2. It is
    integrated here over the estimated error, because SciPy's is NaN in its far tails.
    """
    if result.error <= ROUNDING:
        return math.nan
    shift = abs(difference) / result.error
    errors, weights = _estimated_errors(result.df)
    bound = float(student.isf(alpha / 2, result.df)) * errors
    return float(weights @ (ndtr(shift - bound) + ndtr(-bound - shift)))


def smallest_difference(result: Paired, wanted: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest true difference that is found with a given chance; NaN where nothing varied.

    Args:
        result: Its error and degrees of freedom are used.
        wanted: The chance, above alpha.
        alpha: Two-sided level of the test.
    """
    if result.error <= ROUNDING:
        return math.nan

    def lacking(shift: float) -> float:
        return power(result, shift * result.error, alpha) - wanted

    highest = 1.0
    while lacking(highest) < 0:
        highest *= 2
    return float(brentq(lacking, 0.0, highest, xtol=1e-9)) * result.error


@cache
def _estimated_errors(df: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ratios of estimated to true error with their probabilities, by Gauss-Legendre."""
    if math.isinf(df):
        return np.ones(1), np.ones(1)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return np.sqrt(chi2.ppf((nodes + 1) / 2, df) / df), weights / 2
