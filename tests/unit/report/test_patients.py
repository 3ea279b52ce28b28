"""Arms by number of training patients, and what they are worth in real ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.isotonic import isotonic_regression

from pipeline.report import measures, patients
from pipeline.seeding import numpy_rng
from tests.simulated_outcomes import Luck, fixed, simulate, skill_of

LUCK = Luck(training=0.0, seed=0.0)


def test_monotone_is_isotonic_regression() -> None:
    """Equal to scikit-learn's on every row, and nothing happens to a rising one."""
    rng = numpy_rng(1, "monotone")
    levels = rng.normal(size=(20, 5)).cumsum(axis=1)
    found = patients.monotone(levels)
    for row, expected in zip(found, levels, strict=True):
        assert row == pytest.approx(isotonic_regression(expected))
    assert patients.monotone([[1.0, 2.0, 4.0]]).tolist() == [[1, 2, 4]]


def test_crossing_by_hand() -> None:
    """Half-way, at the ends, at the beginning of a flat part, and outside on both sides."""
    curve = [[0.6, 0.7, 0.7, 0.9]]
    places = [0.0, 1.0, 2.0, 4.0]
    wanted = {0.65: 0.5, 0.6: 0.0, 0.7: 1.0, 0.8: 3.0, 0.9: 4.0, 0.5: -np.inf, 0.95: np.inf}
    for value, place in wanted.items():
        assert patients.crossing(curve, places, [value])[0] == pytest.approx(place), value


@pytest.fixture(scope="module")
def outcomes():
    """Three sizes, the headline not the smallest; the better arm is as good as twice the patients.

    The baseline gains the same with every doubling, and training luck is left out.
    """
    accuracies = {"20": 0.6, "40": 0.7, "80": 0.8}
    found = {}
    for size in ("40", "20", "80"):
        draws = fixed(900, 700, 2, int(size), numpy_rng(2, "patients"))
        skills = {
            "real": skill_of(accuracies[size], LUCK),
            "better": skill_of(accuracies[size] + 0.1, LUCK),
        }
        found[size] = simulate(
            draws, skills, patients=900, seeds=1, rng=numpy_rng(3, "patients"), luck=LUCK
        )
    return found


def test_worth_is_read_off_the_baseline(outcomes) -> None:
    """Twice as many at 20 patients, and beyond what was measured at 80.

    700 patients of two images, measured twice, know a difference of balanced accuracies to about
    0.016, that is a sixth of a doubling: three times that is a factor of 1.4.
    """
    measured = {
        size: measures.measure(of_size, 100, rng=numpy_rng(4, "draws"))
        for size, of_size in outcomes.items()
    }
    rows = patients.worth(
        outcomes, measured, "balanced_accuracy", "real", 0.95, rng=numpy_rng(5, "draws")
    )
    assert list(rows) == ["better"]
    assert [row["train_patients"] for row in rows["better"]] == ["20", "40", "80"]
    assert 40 / 1.4 < rows["better"][0]["worth"] < 40 * 1.4
    assert rows["better"][0]["low"] < rows["better"][0]["worth"] < rows["better"][0]["high"]
    assert rows["better"][2]["worth"] is None
    assert rows["better"][2]["high"] is None


def test_worth_of_an_equal_arm_is_its_own_patients(outcomes) -> None:
    """The baseline under another name is worth what it was trained on, and lower errors are up."""
    twins = {}
    for size, found in outcomes.items():
        folds = tuple(
            replace(fold, probabilities={"real": p, "twin": p})
            for fold in found.folds
            for p in [fold.probabilities["real"]]
        )
        twins[size] = replace(found, arms=("real", "twin"), folds=folds)
    measured = {
        size: measures.measure(found, 20, rng=numpy_rng(4, "draws"))
        for size, found in twins.items()
    }
    rows = patients.worth(
        twins, measured, "balanced_accuracy", "real", 0.95, rng=numpy_rng(5, "draws")
    )
    for row in rows["twin"]:
        assert row["worth"] == pytest.approx(row["patients"])


def test_curves_go_by_rising_patients(outcomes) -> None:
    """Whatever the order of the sizes, with the mean number of training groups."""
    interval = {"mean": 0.5, "low": 0.4, "high": 0.6}
    arms = {size: {arm: {"auc": interval} for arm in ("real", "better")} for size in outcomes}
    found = patients.curves(outcomes, arms, ["auc"])
    assert [point["patients"] for point in found["real"]["auc"]] == [20, 40, 80]
    assert found["better"]["auc"][0] == {"train_patients": "20", "patients": 20.0, **interval}
