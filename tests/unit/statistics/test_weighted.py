"""Metrics under weights are the classifier's metrics on repeated images."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.classifier import metrics
from pipeline.seeding import numpy_rng
from pipeline.statistics import weighted_metrics


def predictions(classes: int, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Labels and rounded probabilities, so that scores tie."""
    rng = numpy_rng(8, "weighted", classes)
    labels = rng.integers(0, classes, count)
    scores = rng.dirichlet(np.ones(classes), count) + 0.4 * np.eye(classes)[labels]
    scores = np.round(scores * 8) + 1
    return labels, scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 3])
def test_weights_count_repetitions(classes: int) -> None:
    """A weight of w equals w copies of the image, for every metric of every class."""
    labels, probabilities = predictions(classes)
    names = [f"class {k}" for k in range(classes)]
    drawn = numpy_rng(9, "repetitions").integers(0, 4, (5, len(labels)))
    drawn[0] = 1
    figures = weighted_metrics(labels, probabilities, drawn, 1)
    for row, weights in enumerate(drawn):
        copies = labels.repeat(weights), probabilities.repeat(weights, axis=0)
        expected = metrics.evaluate(*copies, names, names[1])
        assert {key: values[row] for key, values in figures.overall.items()} == pytest.approx(
            expected
        )
        each = metrics.per_class(*copies, names)
        for k, name in enumerate(names):
            found = {key: values[row] for key, values in figures.per_class[k].items()}
            assert found == pytest.approx(each[name])


def test_absent_class_is_undefined_as_it_is_for_the_classifier() -> None:
    """Where a resampled set lacks a class, NaN and means over the rest agree as well."""
    labels, probabilities = predictions(3)
    names = ["a", "b", "c"]
    weights = (labels != 2).astype(int)
    figures = weighted_metrics(labels, probabilities, weights[None])
    kept = weights.astype(bool)
    expected = metrics.evaluate(labels[kept], probabilities[kept], names)
    found = {key: values[0] for key, values in figures.overall.items()}
    assert found == pytest.approx(expected, nan_ok=True)
    assert np.isnan(figures.per_class[2]["sensitivity"][0])


def test_two_classes_need_a_positive_one() -> None:
    """Sensitivity is of a class; nothing is guessed."""
    labels, probabilities = predictions(2)
    with pytest.raises(ValueError, match="positive"):
        weighted_metrics(labels, probabilities, np.ones((1, len(labels))))


@pytest.mark.parametrize("classes", [2, 3])
def test_means_of_named_classes_do_not_change_their_meaning(classes: int) -> None:
    """A set that lacks one of them has no mean: what is left would be another class's recall."""
    labels, probabilities = predictions(classes)
    weights = np.stack([np.ones(len(labels)), labels != 1])
    named = weighted_metrics(labels, probabilities, weights, 1, averaged=range(classes))
    free = weighted_metrics(labels, probabilities, weights, 1)
    assert named.overall["balanced_accuracy"][0] == free.overall["balanced_accuracy"][0]
    assert np.isnan(named.overall["balanced_accuracy"][1])
    assert not np.isnan(free.overall["balanced_accuracy"][1])
    rest = weighted_metrics(labels, probabilities, weights, 1, averaged=[0])
    assert rest.overall["balanced_accuracy"] == pytest.approx(rest.per_class[0]["sensitivity"])
