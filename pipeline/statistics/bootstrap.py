"""The patient-clustered, paired bootstrap, expressed as weights.

A resampled test set is a row of weights: how often each patient was drawn. Every metric can be
computed under weights (see `weighted`), and all arms are measured under the same rows, which is
what makes the bootstrap paired. Only patients are resampled; luck in training, of which there are
too few draws to resample, is added by `clustered_bootstrap`.

Source: Field and Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray


def group_weights(strata: ArrayLike, draws: int, *, rng: Generator) -> NDArray[np.float64]:
    """Draw groups with replacement within strata.

    Strata keep the number of groups of each class fixed, as the split did, so that no resampled
    test set lacks a class.

    Args:
        strata: (G,) the stratum of each group, any integers.
        draws: Resampled test sets, B.
        rng: Draws them.

    Returns:
        (B, G) how often each group was drawn; each stratum's sum is its size.
    """
    kinds = np.asarray(strata, np.int64)
    weights = np.zeros((draws, len(kinds)))
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        size = len(members)
        weights[:, members] = rng.multinomial(size, np.full(size, 1 / size), size=draws)
    return weights


def percentile_interval(replicates: ArrayLike, confidence: float) -> tuple[float, float]:
    """The middle share of the replicates; undefined ones (NaN) are left out.

    Args:
        replicates: (B,) a figure on each resampled test set.
        confidence: Two-sided coverage.
    """
    values = np.asarray(replicates, np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
