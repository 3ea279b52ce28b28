"""The points of a reliability diagram."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.report.calibration import reliability
from pipeline.seeding import numpy_rng
from pipeline.statistics import wilson
from tests.unit.report.test_evidence import simulated


def with_chances(chances, labels, *, positive: str | None = "malignant"):
    """One fold of single-image patients whose chance of the second class is given."""
    outcomes = simulated({"a": 1.0}, groups=len(labels), images=1, folds=1, seeds=1)
    chance = np.asarray(chances, float)
    scores = {"a": np.stack([1 - chance, chance], axis=1)[None]}
    fold = replace(outcomes.folds[0], labels=np.asarray(labels), probabilities=scores)
    return replace(outcomes, folds=(fold,), positive_class=positive)


def test_by_hand() -> None:
    """Two bins: a quarter of 0.15 came true, and all of 0.9, whose interval is Wilson's."""
    chances, labels = [0.1, 0.2 - 1e-9, 0.15, 0.15, 0.9, 0.95], [0, 0, 1, 0, 1, 1]
    low, high = reliability(with_chances(chances, labels), 200, 0.95, rng=numpy_rng(1, "draws"))[
        "a"
    ]
    assert low["predicted"] == pytest.approx(0.15)
    assert low["observed"] == 0.25
    assert low["low"] <= 0.25 < low["high"]
    assert low["images"] == 4
    assert high["predicted"] == pytest.approx(0.925)
    assert (high["low"], high["high"]) == pytest.approx(wilson(2, 2))


def test_certainty_is_in_the_last_bin() -> None:
    """A probability of one is a prediction like others."""
    (only,) = reliability(with_chances([1.0] * 4, [1] * 4), 20, 0.95, rng=numpy_rng(1, "draws"))[
        "a"
    ]
    assert (only["predicted"], only["observed"]) == (1, 1)


def test_without_a_positive_class_the_most_probable_is_told() -> None:
    """A chance of 0.1 is then one of 0.9 for the other class, and true where that is right."""
    outcomes = with_chances([0.05, 0.08], [0, 1], positive=None)
    (only,) = reliability(outcomes, 20, 0.95, rng=numpy_rng(1, "draws"))["a"]
    assert only["predicted"] == pytest.approx(0.935)
    assert only["observed"] == 0.5


def test_true_probabilities_lie_on_the_diagonal() -> None:
    """Labels drawn with the predicted chances: nine bins of 800 lie on it within 3.5 errors.

    A bin's error is at most sqrt(0.25 / 800) = 0.018.
    """
    rng = numpy_rng(2, "reliability")
    chances = np.repeat(np.arange(0.05, 1, 0.1), 800)
    labels = (rng.uniform(size=len(chances)) < chances).astype(int)
    rows = reliability(with_chances(chances, labels), 20, 0.95, rng=rng)["a"]
    assert len(rows) == 10
    for row in rows:
        assert row["observed"] == pytest.approx(row["predicted"], abs=0.062)
