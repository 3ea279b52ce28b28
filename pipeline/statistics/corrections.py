"""Corrections of p-values for several questions asked at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values so that the chance of any false claim among them stays below alpha.

    Args:
        p_values: (m,) uncorrected p-values, in any order.

    Returns:
        (m,) adjusted p-values, in the same order, at most 1.

    Source: Holm 1979, Scandinavian Journal of Statistics 6:65-70.
    """
    given = np.asarray(p_values, np.float64)
    order = np.argsort(given, kind="stable")
    stepped = given[order] * np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted
