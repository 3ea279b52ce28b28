"""The patient-clustered bootstrap of one test set, with the luck of few trained models."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.statistics.paired import Paired

NAME = "clustered_bootstrap"


def clustered_bootstrap(
    values: ArrayLike, moves: ArrayLike, replicates: ArrayLike, confidence: float = 0.95
) -> Paired:
    """Test a mean (difference) over folds and seeds by resampling patients.

    Patients are resampled, seeds are not: three of them, drawn with replacement, vary by two thirds
    of what they should and have none of the tails of a mean of three. The variance of the mean is
    the replicates', as far as all seeds of a fold have it in common (the jackknife tells which
    share that is), and the seeds' own; only the latter is estimated from few values, which gives
    the degrees of freedom. With one seed, luck in training is not known, and the result holds for
    the models that were trained; it always holds for the patients that were trained on.

    Args:
        values: (J, S) figures of each fold and seed.
        moves: (J, S, G) how far each moves as each test group is left out (`jackknife_moves`).
        replicates: (B,) the mean on each resampled set of patients; NaN where undefined.
        confidence: Two-sided coverage of the interval.

    Source: clusters: Field and Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x; the two parts:
    Obuchowski and Rockette 1995, doi:10.1080/03610919508813243, with seeds as readers; degrees of
    freedom: Satterthwaite 1946, doi:10.2307/3002019, and Hillis 2007, doi:10.1002/sim.2532.
    """
    figures, moved = np.asarray(values, np.float64), np.asarray(moves, np.float64)
    folds, seeds = figures.shape
    tested = _common(moved) * float(np.nanvar(np.asarray(replicates, np.float64)))
    trained, df = 0.0, math.inf
    if seeds > 1:
        trained = float(figures.var(axis=1, ddof=1).sum()) / (folds**2 * seeds)
    whole = tested + trained
    if trained > 0:
        df = folds * (seeds - 1) * (whole / trained) ** 2
    return Paired.from_error(NAME, float(figures.mean()), math.sqrt(whole), df, confidence)


def _common(moves: NDArray[np.float64]) -> float:
    """The share of the patients' variance that all seeds of a fold have in common."""
    folds, seeds = moves.shape[:2]
    whole = float((moves.mean(axis=(0, 1)) ** 2).sum())
    if seeds == 1 or whole <= 0:
        return 1.0
    own = float(moves.var(axis=1, ddof=1).sum()) / (folds**2 * seeds)
    return float(max(whole - own, 0.0) / whole)
