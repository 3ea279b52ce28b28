"""The patient-clustered bootstrap of one test set, with the luck of few trained models."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.statistics.paired import Paired

NAME = "clustered_bootstrap"


def clustered_bootstrap(
    values: ArrayLike,
    moves: ArrayLike,
    replicates: ArrayLike,
    confidence: float = 0.95,
    *,
    shared: ArrayLike | None = None,
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
        shared: (J, S) numbers, the same where runs of a fold hang on one generator, whose luck
            they then share; None where none do. With one generator for all seeds its luck is not
            known, and the seeds' alone is counted.

    Source: clusters: Field and Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x; the two parts:
    Obuchowski and Rockette 1995, doi:10.1080/03610919508813243, with seeds as readers; degrees of
    freedom: Satterthwaite 1946, doi:10.2307/3002019, and Hillis 2007, doi:10.1002/sim.2532.
    """
    figures, moved = np.asarray(values, np.float64), np.asarray(moves, np.float64)
    folds, seeds = figures.shape
    lucks = np.tile(np.arange(seeds), (folds, 1)) if shared is None else np.asarray(shared)
    lucks = np.stack([_known(row) for row in lucks])
    trained = _variance(figures[..., None], lucks)
    common = (moved.mean(axis=(0, 1)) ** 2).sum()
    own = max(common - _variance(moved, lucks), 0.0) / common if common > 0 else 1.0
    tested = float(own * np.nanvar(np.asarray(replicates, np.float64)))
    whole, df = tested + trained, math.inf
    if trained > 0:
        df = sum(len(np.unique(row)) - 1 for row in lucks) * (whole / trained) ** 2
    return Paired.from_error(NAME, float(figures.mean()), math.sqrt(whole), df, confidence)


def _known(lucks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Seeds by themselves where all of them share one luck, which nothing can be told about."""
    return lucks if len(np.unique(lucks)) > 1 else np.arange(len(lucks))


def _variance(runs: NDArray[np.float64], lucks: NDArray[np.int64]) -> float:
    """The variance that runs' luck gives to the mean over folds and seeds, summed over figures.

    Args:
        runs: (J, S, K) K figures of each fold and seed.
        lucks: (J, S) runs of a fold with the same number vary together.

    Source: clusters of unequal size: Liang and Zeger 1986, doi:10.1093/biomet/73.1.13, with the
    correction for few clusters; of single runs it is their variance over S.
    """
    folds, seeds = runs.shape[:2]
    whole = 0.0
    for figures, luck in zip(runs, lucks, strict=True):
        _, members = np.unique(luck, return_inverse=True)
        count = int(members.max()) + 1
        if count > 1:
            sums = np.zeros((count, figures.shape[1]))
            np.add.at(sums, members, figures - figures.mean(axis=0))
            whole += float((sums**2).sum()) * count / (count - 1)
    return whole / float(folds * seeds) ** 2
