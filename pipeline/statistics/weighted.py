"""The classification metrics on many weighted test sets at once.

The same definitions as the classifier's own metrics, which the tests hold them to: at weights of
one they are equal. Here each image carries a weight for each of B resampled test sets, and B values
come out of a few array operations, which is what makes a bootstrap of every metric affordable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Figures = dict[str, NDArray[np.float64]]
ECE_BINS = 15
PER_CLASS = ("sensitivity", "specificity", "auc", "f1")


@dataclass(frozen=True)
class Weighted:
    """Metrics on B weighted test sets.

    Args:
        overall: Metric -> (B,); NaN where a test set leaves it undefined.
        per_class: For each class, metric against the rest -> (B,).
    """

    overall: Figures
    per_class: tuple[Figures, ...]


def weighted_metrics(
    labels: ArrayLike,
    probabilities: ArrayLike,
    weights: ArrayLike,
    positive: int | None = None,
    averaged: Sequence[int] | None = None,
) -> Weighted:
    """Measure predictions on B weighted test sets.

    Args:
        labels: (N,) class indices.
        probabilities: (N, K).
        weights: (B, N), not negative.
        positive: Index of the positive class; needed with two classes.
        averaged: The classes that a mean over classes is made of: where one of them is undefined,
            so is the mean. None takes those that are defined, which differ from one test set to
            another, and with them what the mean means.

    Returns:
        Accuracy, balanced accuracy, sensitivity, specificity, AUC, F1 and ECE, and those that
        make sense for one class against the rest.
    """
    truth = np.asarray(labels, np.int64)
    scores = np.asarray(probabilities, np.float64)
    mass = np.asarray(weights, np.float64)
    decided = scores.argmax(axis=1)
    each = tuple(_against_rest(truth, decided, mass, k) for k in range(scores.shape[1]))
    for figures, area in zip(each, _areas(truth, scores, mass), strict=True):
        figures["auc"] = area
    if len(each) == 2:
        if positive is None:
            raise ValueError("two classes need to know which is positive")
        summary = each[positive]
    else:
        summary = {key: _mean([figures[key] for figures in each], averaged) for key in PER_CLASS}
    overall = {
        "accuracy": _share(mass, decided == truth, np.ones(len(truth), bool)),
        "balanced_accuracy": _mean([figures["sensitivity"] for figures in each], averaged),
        **{key: summary[key] for key in PER_CLASS},
        "ece": _calibration_error(truth, scores, mass),
    }
    return Weighted(overall, each)


def weighted_auc(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Area under the ROC curve of each weighted test set; ties count half.

    Args:
        positive: (N,).
        scores: (N,).
        weights: (B, N).

    Returns:
        (B,), NaN where one kind has no weight.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    mass = weights[:, order]
    kind = positive[order]
    above, below = mass * kind, mass * ~kind
    if len(starts) < len(order):
        above = np.add.reduceat(above, starts, axis=1)
        below = np.add.reduceat(below, starts, axis=1)
    won = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
    return _ratio(won, above.sum(axis=1) * below.sum(axis=1))


def _against_rest(
    truth: NDArray[np.int64],
    decided: NDArray[np.int64],
    mass: NDArray[np.float64],
    k: int,
) -> Figures:
    chosen, actual = decided == k, truth == k
    hits, errors = mass @ (chosen & actual), mass @ (chosen ^ actual)
    f1 = np.where(mass @ actual > 0, _ratio(2 * hits, 2 * hits + errors), np.nan)
    return {
        "sensitivity": _share(mass, chosen, actual),
        "specificity": _share(mass, ~chosen, ~actual),
        "f1": f1,
    }


def _areas(
    truth: NDArray[np.int64], scores: NDArray[np.float64], mass: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """The area of each class against the rest; of two that sum to one it is the same."""
    if scores.shape[1] == 2 and np.allclose(scores.sum(axis=1), 1, rtol=0, atol=1e-9):
        return [weighted_auc(truth == 1, scores[:, 1], mass)] * 2
    return [weighted_auc(truth == k, scores[:, k], mass) for k in range(scores.shape[1])]


def _calibration_error(
    truth: NDArray[np.int64], scores: NDArray[np.float64], mass: NDArray[np.float64]
) -> NDArray[np.float64]:
    confidence = scores.max(axis=1)
    surplus = (scores.argmax(axis=1) == truth) - confidence
    bin_of = np.clip(np.ceil(confidence * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)
    gaps = mass @ (np.eye(ECE_BINS)[bin_of] * surplus[:, None])
    return _ratio(np.abs(gaps).sum(axis=1), mass.sum(axis=1))


def _share(
    mass: NDArray[np.float64], hit: NDArray[np.bool_], among: NDArray[np.bool_]
) -> NDArray[np.float64]:
    return _ratio(mass @ (hit & among), mass @ among)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.full(above.shape, np.nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def _mean(
    values: Sequence[NDArray[np.float64]], averaged: Sequence[int] | None
) -> NDArray[np.float64]:
    """Average over the given classes, or over those that are defined; NaN where none is."""
    if averaged is not None:
        whole: NDArray[np.float64] = np.stack([values[k] for k in averaged]).mean(axis=0)
        return whole
    stacked = np.stack(values)
    defined = ~np.isnan(stacked)
    return _ratio(np.where(defined, stacked, 0).sum(axis=0), defined.sum(axis=0).astype(float))
