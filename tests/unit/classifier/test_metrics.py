"""Metrics equal values worked out by hand, and scikit-learn's where it has the same ones."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from pipeline.classifier.metrics import (
    METRICS,
    PER_CLASS,
    area_under_curve,
    calibration_error,
    evaluate,
    per_class,
)
from pipeline.config import MetricName

# Four malignant (index 0) and six benign: 3 of 4 and 4 of 6 are found.
LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
MALIGNANT = np.array([0.9, 0.8, 0.7, 0.2, 0.6, 0.55, 0.4, 0.3, 0.2, 0.1])
PROBABILITIES = np.stack([MALIGNANT, 1 - MALIGNANT], axis=1)
CLASSES = ("malignant", "benign")


def test_keys_are_those_that_params_yaml_may_name() -> None:
    """What is measured is exactly what `compare.primary` can ask for."""
    assert get_args(MetricName) == METRICS
    assert tuple(evaluate(LABELS, PROBABILITIES, CLASSES, "malignant")) == METRICS


def test_two_classes_equal_values_worked_out_by_hand() -> None:
    """Counts: 3 true positives, 1 false negative, 2 false positives, 4 true negatives."""
    values = evaluate(LABELS, PROBABILITIES, CLASSES, "malignant")
    assert values["accuracy"] == pytest.approx(0.7)
    assert values["sensitivity"] == pytest.approx(3 / 4)
    assert values["specificity"] == pytest.approx(4 / 6)
    assert values["balanced_accuracy"] == pytest.approx((3 / 4 + 4 / 6) / 2)
    assert values["f1"] == pytest.approx(6 / 9)
    # Three positives beat all six; the last, at 0.2, beats one, ties one and loses to four.
    assert values["auc"] == pytest.approx((18 + 1.5) / 24)


def test_the_other_positive_class_swaps_sensitivity_and_specificity() -> None:
    """The positive class matters for the rates and not for accuracy or AUC."""
    malignant = evaluate(LABELS, PROBABILITIES, CLASSES, "malignant")
    benign = evaluate(LABELS, PROBABILITIES, CLASSES, "benign")
    assert benign["sensitivity"] == malignant["specificity"]
    assert benign["specificity"] == malignant["sensitivity"]
    for key in ("accuracy", "balanced_accuracy", "auc", "ece"):
        assert benign[key] == pytest.approx(malignant[key])


def test_two_classes_without_a_positive_one_are_refused() -> None:
    """Guessing the positive class would invert sensitivity silently."""
    with pytest.raises(ValueError, match="positive_class"):
        evaluate(LABELS, PROBABILITIES, CLASSES, None)


def test_more_classes_equal_scikit_learn() -> None:
    """Macro averages over three classes, one against the rest."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    probabilities = rng.dirichlet([1, 1, 1], 200)
    decided = probabilities.argmax(axis=1)
    values = evaluate(labels, probabilities, ("a", "b", "c"))
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(labels, decided),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(labels, decided),
        "sensitivity": sklearn_metrics.recall_score(labels, decided, average="macro"),
        "auc": sklearn_metrics.roc_auc_score(labels, probabilities, multi_class="ovr"),
        "f1": sklearn_metrics.f1_score(labels, decided, average="macro"),
    }
    for key, value in expected.items():
        assert values[key] == pytest.approx(value), key
    each = per_class(labels, probabilities, ("a", "b", "c"))
    assert values["specificity"] == pytest.approx(
        np.mean([c["specificity"] for c in each.values()])
    )
    assert all(tuple(c) == PER_CLASS for c in each.values())


def test_order_of_scores_alone_decides_auc() -> None:
    """Perfect order gives 1, reversed 0, all equal one half, one kind alone NaN."""
    positive = np.array([False, False, True, True])
    assert area_under_curve(positive, [0, 1, 2, 3]) == 1.0
    assert area_under_curve(positive, [3, 2, 1, 0]) == 0.0
    assert area_under_curve(positive, [1, 1, 1, 1]) == 0.5
    assert math.isnan(area_under_curve([True, True], [0.1, 0.2]))


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    """Always 0.9 sure and right in 7 of 10 is an error of 0.2; right in 9 of 10 is none."""
    sure = np.tile([0.9, 0.1], (10, 1))
    assert calibration_error([0] * 7 + [1] * 3, sure) == pytest.approx(0.2)
    assert calibration_error([0] * 9 + [1], sure) == pytest.approx(0.0, abs=1e-12)
    certain = np.eye(2)[[0, 1, 1]]
    assert calibration_error([0, 1, 1], certain) == 0.0


def test_absent_class_is_undefined_and_left_out_of_averages() -> None:
    """A class without images has no recall, and does not pull the mean to zero."""
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    values = evaluate([0, 1], probabilities, ("a", "b", "c"))
    assert values["balanced_accuracy"] == 1.0
    assert values["sensitivity"] == 1.0
    assert math.isnan(per_class([0, 1], probabilities, ("a", "b", "c"))["c"]["sensitivity"])


def test_shapes_that_disagree_are_refused() -> None:
    """One column a class, one row an image, labels within the classes."""
    with pytest.raises(ValueError, match="one column a class"):
        evaluate(LABELS, PROBABILITIES[:, :1], CLASSES, "malignant")
    with pytest.raises(ValueError, match="labels span"):
        evaluate(LABELS + 1, PROBABILITIES, CLASSES, "malignant")
