"""What a classifier's probabilities are worth: the metric keys that every stage and MLflow use.

Decisions are the most probable class (with two classes: threshold 0.5). With two classes,
`sensitivity`, `specificity` and `f1` are those of the positive class; with more, and for `auc`,
they are macro averages of one class against the rest over the classes that occur.
A value that the labels leave undefined, such as the AUC of one class alone, is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

METRICS = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "auc", "f1", "ece")
PER_CLASS = ("sensitivity", "specificity", "auc", "f1")
ECE_BINS = 15


def evaluate(
    labels: ArrayLike,
    probabilities: ArrayLike,
    classes: Sequence[str],
    positive_class: str | None = None,
) -> dict[str, float]:
    """Measure predictions on one set of images.

    Args:
        labels: (N,) class indices.
        probabilities: (N, K), rows sum to 1, columns in the order of `classes`.
        classes: The K class names.
        positive_class: The class whose detection is sensitivity; needed with two classes.

    Returns:
        One value for each key of `METRICS`.

    Raises:
        ValueError: If shapes disagree, or two classes come without a positive one.
    """
    truth, scores = _checked(labels, probabilities, classes)
    decided = scores.argmax(axis=1)
    recalls = [_rate(decided == k, truth == k) for k in range(len(classes))]
    if len(classes) == 2:
        if positive_class is None or positive_class not in classes:
            raise ValueError(f"positive_class {positive_class!r} is not one of {list(classes)}")
        summary = _one_against_rest(truth, scores, list(classes).index(positive_class))
    else:
        each = [_one_against_rest(truth, scores, k) for k in range(len(classes))]
        summary = {key: _mean([values[key] for values in each]) for key in PER_CLASS}
    return {
        "accuracy": _rate(decided == truth, np.ones_like(truth, bool)),
        "balanced_accuracy": _mean(recalls),
        "sensitivity": summary["sensitivity"],
        "specificity": summary["specificity"],
        "auc": summary["auc"],
        "f1": summary["f1"],
        "ece": calibration_error(truth, scores),
    }


def per_class(
    labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Measure each class against the rest.

    Args:
        labels: (N,) class indices.
        probabilities: (N, K), columns in the order of `classes`.
        classes: The K class names.

    Returns:
        For each class, one value for each key of `PER_CLASS`.
    """
    truth, scores = _checked(labels, probabilities, classes)
    return {name: _one_against_rest(truth, scores, k) for k, name in enumerate(classes)}


def area_under_curve(positive: ArrayLike, scores: ArrayLike) -> float:
    """Probability that a positive scores above a negative, ties counting half.

    Args:
        positive: (N,) booleans.
        scores: (N,), greater means more positive.

    Returns:
        The area under the ROC curve, or NaN if only one kind is present.

    Source: Mann-Whitney U over n_positive * n_negative; Hanley and McNeil 1982.
    """
    is_positive = np.asarray(positive, bool)
    values = np.asarray(scores, np.float64)
    positives, negatives = values[is_positive], np.sort(values[~is_positive])
    if len(positives) == 0 or len(negatives) == 0:
        return float("nan")
    # A positive beats the negatives below it, and half of those that it ties with.
    below = np.searchsorted(negatives, positives, side="left")
    not_above = np.searchsorted(negatives, positives, side="right")
    return float((below + not_above).mean() / (2 * len(negatives)))


def calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, *, bins: int = ECE_BINS
) -> float:
    """Expected calibration error of the most probable class over bins of equal width.

    Args:
        labels: (N,) class indices.
        probabilities: (N, K).
        bins: Bins of the confidence over (0, 1].

    Returns:
        The mean gap between confidence and accuracy, weighted by bin size; NaN without images.

    Source: Guo et al. 2017, arXiv:1706.04599, equation 3.
    """
    truth, scores = np.asarray(labels, np.int64), np.asarray(probabilities, np.float64)
    if len(truth) == 0:
        return float("nan")
    confidence = scores.max(axis=1)
    correct = (scores.argmax(axis=1) == truth).astype(np.float64)
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(bin_of, weights=correct - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(truth))


def _one_against_rest(
    truth: NDArray[np.int64], scores: NDArray[np.float64], k: int
) -> dict[str, float]:
    decided = scores.argmax(axis=1) == k
    actual = truth == k
    hits = int((decided & actual).sum())
    errors = int((decided ^ actual).sum())
    return {
        "sensitivity": _rate(decided, actual),
        "specificity": _rate(~decided, ~actual),
        "auc": area_under_curve(actual, scores[:, k]),
        "f1": 2 * hits / (2 * hits + errors) if actual.any() else float("nan"),
    }


def _rate(hit: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    return float(hit[among].mean()) if among.any() else float("nan")


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _checked(
    labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    truth, scores = np.asarray(labels, np.int64), np.asarray(probabilities, np.float64)
    if scores.shape != (len(truth), len(classes)):
        raise ValueError(
            f"probabilities have shape {scores.shape}, expected {(len(truth), len(classes))}: "
            "one row an image, one column a class"
        )
    if len(truth) and not (truth.min() >= 0 and truth.max() < len(classes)):
        raise ValueError(f"labels span {truth.min()} to {truth.max()}, not 0 to {len(classes) - 1}")
    return truth, scores
