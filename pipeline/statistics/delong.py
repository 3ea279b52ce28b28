"""The closed-form test of two areas under the ROC curve on the same images."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from pipeline.statistics.paired import Paired


def delong(
    positive: ArrayLike,
    scores: ArrayLike,
    scores_against: ArrayLike,
    confidence: float = 0.95,
    *,
    groups: ArrayLike | None = None,
) -> Paired:
    """Test whether two scores rank positives above negatives equally well.

    Args:
        positive: (N,) booleans.
        scores: (N,) the arm's scores, greater meaning more positive.
        scores_against: (N,) those of the arm it is held against.
        confidence: Two-sided coverage of the interval.
        groups: (N,) 0-based group indices where a patient has several images; the structural
            components are then summed within groups (`delong_clustered`).

    Raises:
        ValueError: If there are fewer than two positives or negatives (or groups of them).

    Source: DeLong, DeLong and Clarke-Pearson 1988, doi:10.2307/2531595, equations 4 to 6;
    groups: Obuchowski 1997, doi:10.2307/2533958.
    """
    truth = np.asarray(positive, bool)
    first = structural_components(truth, np.asarray(scores, np.float64))
    second = structural_components(truth, np.asarray(scores_against, np.float64))
    difference = float(first[truth].mean() - second[truth].mean())
    # Under one area for all images the components of each kind centre on that area.
    centred = first - second - difference
    index = np.arange(len(truth)) if groups is None else np.asarray(groups, np.int64)
    error = math.sqrt(max(_variance(truth, centred, index), 0.0))
    name = "delong" if groups is None else "delong_clustered"
    return Paired.from_error(name, difference, error, math.inf, confidence)


def structural_components(
    positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How well each image is ranked against all of the other kind; ties count half.

    Args:
        positive: (N,).
        scores: (N,).

    Returns:
        (N,) in [0, 1]: for a positive, the share of negatives below it; for a negative, the share
        of positives above it. Each kind's mean is the area under the curve.
    """
    ranks = rankdata(scores)
    components = np.empty(len(scores))
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    inner = rankdata(scores[positive])
    components[positive] = (ranks[positive] - inner) / max(n_negative, 1)
    inner = rankdata(scores[~positive])
    components[~positive] = 1 - (ranks[~positive] - inner) / max(n_positive, 1)
    return components


def _variance(
    positive: NDArray[np.bool_], centred: NDArray[np.float64], groups: NDArray[np.int64]
) -> float:
    count = int(groups.max()) + 1
    sums = {}
    holding = {}
    for kind, rows in (("positive", positive), ("negative", ~positive)):
        sums[kind] = np.bincount(groups[rows], weights=centred[rows], minlength=count)
        holding[kind] = len(np.unique(groups[rows]))
        if holding[kind] < 2:
            raise ValueError(f"DeLong's test needs two {kind} patients, got {holding[kind]}")
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    variance = 0.0
    for kind, size in (("positive", n_positive), ("negative", n_negative)):
        inflation = holding[kind] / (holding[kind] - 1)
        variance += inflation * float((sums[kind] ** 2).sum()) / size**2
    present = len(np.unique(groups))
    shared = float((sums["positive"] * sums["negative"]).sum())
    return variance + 2 * present / (present - 1) * shared / (n_positive * n_negative)
