"""Figures of every trained classifier, resampled and without each group."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.classifier import metrics
from pipeline.report import measures
from pipeline.report.outcomes import Outcomes
from pipeline.seeding import numpy_rng
from tests.unit.report.test_evidence import simulated


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    """Two arms, three folds, two seeds, two images a patient."""
    return simulated({"a": 0.5, "b": 1.0}, groups=72)


@pytest.fixture(scope="module")
def measured(outcomes) -> dict[str, measures.Measured]:
    """Both arms on the same draws."""
    return measures.measure(outcomes, 40, rng=numpy_rng(5, "draws"))


def test_values_are_the_classifiers_own_metrics(outcomes, measured) -> None:
    """The same numbers as the classifier's metrics, for each fold, seed and class."""
    for j, fold in enumerate(outcomes.folds):
        for s, scores in enumerate(fold.probabilities["b"]):
            expected = metrics.evaluate(
                fold.labels, scores, outcomes.classes, outcomes.positive_class
            )
            for key, value in expected.items():
                assert measured["b"].overall[key].values[j, s] == pytest.approx(value), key
            for name, each in metrics.per_class(fold.labels, scores, outcomes.classes).items():
                for key, value in each.items():
                    assert measured["b"].per_class[name][key].values[j, s] == pytest.approx(value)


def test_moves_are_those_of_the_fold_s_own_groups(outcomes, measured) -> None:
    """A group that a fold does not test moves nothing in it; one that it tests moves accuracy."""
    moves = measured["a"].overall["accuracy"].moves
    assert moves.shape == (3, 2, 72)
    for j, fold in enumerate(outcomes.folds):
        tested = np.isin(np.arange(72), fold.groups)
        assert (moves[j][:, ~tested] == 0).all()
        accuracy = metrics.evaluate(
            fold.labels[fold.groups != fold.groups[0]],
            fold.probabilities["a"][0][fold.groups != fold.groups[0]],
            outcomes.classes,
            outcomes.positive_class,
        )["accuracy"]
        # 24 groups of equal size: leaving one out moves the mean from the mean of such moves.
        centred = accuracy - measured["a"].overall["accuracy"].values[j, 0]
        assert moves[j, 0, fold.groups[0]] == pytest.approx(centred * np.sqrt(23 / 24))


def test_arms_are_paired(measured) -> None:
    """A difference is of values, moves and replicates alike, and of itself is nothing."""
    first, second = (measured[arm].overall["auc"] for arm in ("a", "b"))
    found = second - first
    assert found.mean == pytest.approx(second.mean - first.mean)
    assert found.drawn == pytest.approx((second.replicates - first.replicates).mean(axis=1))
    nothing = first - first
    assert not nothing.values.any() and not nothing.moves.any() and not nothing.replicates.any()


def test_many_groups_leave_in_blocks(monkeypatch) -> None:
    """More groups than blocks: the jackknife's error stays about what it was."""
    many = simulated({"a": 0.8}, groups=150, folds=1, images=1, seeds=1)
    one_by_one = measures.measure(many, 1, rng=numpy_rng(6, "draws"))["a"].overall["accuracy"]
    monkeypatch.setattr(measures, "_MOST_BLOCKS", 50)
    blocks = measures.measure(many, 1, rng=numpy_rng(6, "draws"))["a"].overall["accuracy"]
    assert blocks.moves.shape == (1, 1, 50)
    # A variance from 50 blocks is known to a relative sqrt(2 / 49) = 0.2; its root to 0.1.
    error = np.sqrt((one_by_one.moves**2).sum())
    assert np.sqrt((blocks.moves**2).sum()) == pytest.approx(error, rel=0.3)
    share = one_by_one.mean
    assert error == pytest.approx(np.sqrt(share * (1 - share) / 149))


def test_same_seed_same_numbers(outcomes, measured) -> None:
    """The draws are the generator's and nothing else's."""
    again = measures.measure(outcomes, 40, rng=numpy_rng(5, "draws"))
    for arm in ("a", "b"):
        first, second = (found[arm].overall["f1"].replicates for found in (measured, again))
        assert np.array_equal(first, second)
