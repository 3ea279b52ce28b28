"""The t-interval of a mean."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student


def t_interval(values: ArrayLike, confidence: float) -> tuple[float, float, float]:
    """Give a mean with its interval, mean -+ t(n - 1) s / sqrt(n).

    It is exact for independent normal values. Folds share training patients, so that their
    interval is somewhat too narrow; it shows spread and decides nothing.

    Args:
        values: (n,); NaN is left out.
        confidence: Two-sided coverage.

    Returns:
        Mean, low, high; NaN where there are too few values to tell.

    Source: Student 1908, doi:10.1093/biomet/6.1.1.
    """
    given = np.asarray(values, np.float64)
    defined = given[~np.isnan(given)]
    if len(defined) == 0:
        return math.nan, math.nan, math.nan
    mean = float(defined.mean())
    if len(defined) == 1:
        return mean, math.nan, math.nan
    error = float(defined.std(ddof=1)) / math.sqrt(len(defined))
    half = float(student.isf((1 - confidence) / 2, len(defined) - 1)) * error
    return mean, mean - half, mean + half
