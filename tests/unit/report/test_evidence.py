"""Figures, intervals and contrasts from aligned predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.report import evidence
from pipeline.report.evidence import Contrast
from pipeline.report.outcomes import Fold, Outcomes
from pipeline.seeding import numpy_rng
from pipeline.statistics import Paired, wilson


def simulated(skills, *, seed=0, groups=60, images=2, seeds=2, folds=3) -> Outcomes:
    """Cross-validated predictions of two classes; equal skills are equally good arms."""
    rng = numpy_rng(seed, "simulated outcomes")
    parts = []
    for fold in range(folds):
        mine = np.arange(fold, groups, folds).repeat(images)
        labels = mine // folds % 2
        probabilities = {}
        for arm, skill in skills.items():
            logit = rng.normal(size=(seeds, len(mine))) + skill * (2 * labels - 1)
            chance = 1 / (1 + np.exp(-logit))
            probabilities[arm] = np.stack([1 - chance, chance], axis=2)
        train = frozenset(str(group) for group in range(groups) if group % folds != fold)
        parts.append(Fold(0, fold, labels, mine, train, probabilities))
    strata = np.arange(groups) // folds % 2
    runs = {arm: pd.DataFrame() for arm in skills}
    return Outcomes(
        ("benign", "malignant"), "malignant", tuple(skills), tuple(range(seeds)), tuple(parts),
        strata, groups, groups * images, runs,
    )  # fmt: skip


def contrast(outcomes, test, metric="balanced_accuracy", draws=200) -> Contrast:
    """The second arm against the first."""
    first, second = outcomes.arms
    resampled = evidence.resample(outcomes, draws, rng=numpy_rng(1, "draws"))
    (found,) = evidence.contrast_all(
        [(second, first)], outcomes, evidence.measure(outcomes), resampled,
        metric=metric, test=test, confidence=0.95,
    )  # fmt: skip
    return found


def test_level_under_no_difference() -> None:
    """Of 60 simulated runs of equal arms few are called different, by either test.

    At a level of 5%, more than 8 of 60 have a probability below 0.3% (binomial).
    """
    found = {"corrected_t": 0, "clustered_bootstrap": 0}
    for seed in range(60):
        outcomes = simulated({"a": 0.7, "b": 0.7}, seed=seed)
        for test in found:
            found[test] += contrast(outcomes, test, draws=150).result.p < 0.05
    assert max(found.values()) <= 8


def test_patients_are_resampled_and_not_images() -> None:
    """Showing each image four times leaves the interval as wide as it was."""
    once = simulated({"a": 0.5, "b": 1.0}, images=1)
    copied = [
        Fold(
            fold.repeat, fold.fold, fold.labels.repeat(4), fold.groups.repeat(4),
            fold.training, {a: p.repeat(4, axis=1) for a, p in fold.probabilities.items()},
        )
        for fold in once.folds
    ]  # fmt: skip
    copies = Outcomes(**{**vars(once), "folds": tuple(copied)})
    narrow, wide = (contrast(outcomes, "clustered_bootstrap").result for outcomes in (once, copies))
    assert (wide.low, wide.high) == pytest.approx((narrow.low, narrow.high))


def test_training_luck_widens_the_interval() -> None:
    """Where seeds disagree, the interval is wider than that of their mean alone."""
    outcomes = simulated({"a": 0.5, "b": 0.5}, seeds=3)
    lucky = []
    for fold in outcomes.folds:
        scores = {arm: values.copy() for arm, values in fold.probabilities.items()}
        scores["b"][0] = np.eye(2)[fold.labels]
        lucky.append(Fold(**{**vars(fold), "probabilities": scores}))
    outcomes = Outcomes(**{**vars(outcomes), "folds": tuple(lucky)})
    drawn = evidence.resample(outcomes, 500, rng=numpy_rng(2, "draws"))
    fixed = evidence.resample(
        Outcomes(**{**vars(outcomes), "seeds": (0,)}), 500, rng=numpy_rng(2, "draws")
    )
    assert fixed["b"].overall["accuracy"].std() == 0
    assert drawn["b"].overall["accuracy"].std() > 0.05


def test_perfect_arm_keeps_an_honest_interval() -> None:
    """Where no patient is ever wrong, the interval is Wilson's for the patients there are."""
    interval = evidence.summarise("accuracy", np.ones((3, 2)), np.ones(200), 12, 0.95)
    assert (interval.low, interval.high) == pytest.approx(wilson(12, 12))
    assert interval.low < 0.8


def test_calibration_error_lies_inside_its_interval() -> None:
    """Resampling biases the calibration error upwards; the interval is around the estimate."""
    outcomes = simulated({"a": 1.0}, groups=40)
    measured = evidence.measure(outcomes)["a"].overall["ece"]
    drawn = evidence.resample(outcomes, 300, rng=numpy_rng(4, "draws"))["a"].overall["ece"]
    assert drawn.mean() > evidence.average(measured)
    interval = evidence.summarise("ece", measured, drawn, 20, 0.95)
    assert 0 <= interval.low < interval.mean < interval.high


def test_folds_without_a_class_are_left_out() -> None:
    """A fold that leaves a metric undefined does not make the mean undefined."""
    assert evidence.average(np.array([[0.5, 0.7], [np.nan, np.nan]])) == pytest.approx(0.6)
    assert np.isnan(evidence.average(np.full((2, 2), np.nan)))


@pytest.mark.parametrize(
    ("metric", "difference", "p_holm", "verdict"),
    [
        ("auc", 0.1, 0.01, "helps"),
        ("auc", -0.1, 0.01, "harms"),
        ("ece", 0.1, 0.01, "harms"),
        ("ece", -0.1, 0.01, "helps"),
        ("auc", 0.1, 0.05, "no evidence"),
        ("auc", 0.0, 0.0, "no evidence"),
    ],
)
def test_verdicts(metric: str, difference: float, p_holm: float, verdict: str) -> None:
    """The verdict follows the corrected p and the sign; a lower calibration error is better."""
    found = Contrast("a", "b", metric, Paired("t", difference, 0, 0, 0.0), p_holm)
    assert found.verdict(0.95) == verdict


def test_delong_needs_one_fold() -> None:
    """Scores of several folds share no scale, so DeLong is not offered across them."""
    outcomes = simulated({"a": 0.5, "b": 0.5})
    given = evidence.measure(outcomes), evidence.resample(outcomes, 10, rng=numpy_rng(3, "draws"))
    found = evidence.contrast_all(
        [("b", "a")], outcomes, *given, metric="auc", test="delong", confidence=0.95
    )
    assert found == []
    assert contrast(simulated({"a": 0.2, "b": 3.0}, folds=1), "delong", "auc").result.p < 0.05
