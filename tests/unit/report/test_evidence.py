"""Figures, intervals and contrasts from aligned predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.report import evidence, measures
from pipeline.report.evidence import Contrast, Design
from pipeline.report.measures import Sample
from pipeline.report.outcomes import Fold, Outcomes
from pipeline.seeding import numpy_rng
from pipeline.statistics import Equivalence, Paired, equivalence, wilson


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
    (found,) = evidence.contrast_all(
        [(second, first)], outcomes, measured(outcomes, draws),
        Design.of(outcomes, "all", 0.95), metric=metric, test=test,
    )  # fmt: skip
    return found


def measured(outcomes, draws=200) -> dict[str, measures.Measured]:
    """Every arm on the same draws."""
    return measures.measure(outcomes, draws, rng=numpy_rng(1, "draws"))


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
    """Where seeds disagree, the error is larger than that of one seed's patients alone."""
    outcomes = simulated({"a": 0.5, "b": 0.5}, seeds=3)
    lucky = []
    for fold in outcomes.folds:
        scores = {arm: values.copy() for arm, values in fold.probabilities.items()}
        scores["b"][0] = np.eye(2)[fold.labels]
        lucky.append(Fold(**{**vars(fold), "probabilities": scores}))
    outcomes = Outcomes(**{**vars(outcomes), "folds": tuple(lucky)})
    sample = measured(outcomes)["b"].overall["accuracy"]
    design = Design.of(outcomes, "all", 0.95)
    whole = evidence.paired_test(sample, "clustered_bootstrap", design)
    perfect = Sample(sample.values[:, :1], sample.moves[:, :1], np.ones((200, 3)))
    assert evidence.paired_test(perfect, "clustered_bootstrap", design).error == 0
    assert whole.error > 0.05


def test_perfect_arm_keeps_an_honest_interval() -> None:
    """Where no patient is ever wrong, the interval is Wilson's for the patients there are."""
    perfect = Sample(np.ones((3, 2)), np.zeros((3, 2, 5)), np.ones((200, 3)))
    design = Design("corrected_t", 0.5, 0.5, 0.95)
    interval = evidence.interval("accuracy", perfect, 12, design)
    assert (interval.low, interval.high) == pytest.approx(wilson(12, 12))
    assert interval.low < 0.8


def test_calibration_error_lies_inside_its_interval() -> None:
    """Resampling biases the calibration error upwards; the interval is around the estimate."""
    outcomes = simulated({"a": 1.0}, groups=40)
    sample = measured(outcomes, 300)["a"].overall["ece"]
    assert sample.drawn.mean() > sample.mean
    interval = evidence.interval("ece", sample, 20, Design.of(outcomes, "all", 0.95))
    assert 0 <= interval.low < interval.mean < interval.high


def test_folds_without_a_class_are_left_out() -> None:
    """A fold that leaves a metric undefined does not make the mean undefined."""
    values = np.array([[0.5, 0.7], [np.nan, np.nan]])
    gap = Sample(values, np.zeros((2, 2, 3)), np.array([[0.6, np.nan]] * 4))
    assert gap.mean == pytest.approx(0.6)
    assert gap.drawn.tolist() == [0.6] * 4
    nothing = Sample(np.full((2, 2), np.nan), np.zeros((2, 2, 3)), np.full((4, 2), np.nan))
    assert np.isnan(nothing.mean)
    assert np.isnan(evidence.interval("auc", nothing, 9, Design("mrmc", 1, 0, 0.95)).low)


def test_which_test_decides_follows_from_the_design() -> None:
    """Folds of all patients, draws of some, one test set, and draws that are none."""
    folds = simulated({"a": 0.5, "b": 0.5})
    single = simulated({"a": 0.5, "b": 0.5}, folds=1)
    assert Design.of(folds, "all", 0.95).deciding == "corrected_t"
    assert Design.of(folds, "25", 0.95).deciding == "mrmc"
    assert Design.of(single, "all", 0.95).deciding == "clustered_bootstrap"
    assert Design.of(single, "25", 0.95).deciding == "clustered_bootstrap"
    limited = tuple(
        Fold(**{**vars(single.folds[0]), "repeat": r, "training": frozenset(names)})
        for r, names in enumerate(("ab", "bc"))
    )
    redrawn = Outcomes(**{**vars(single), "folds": limited})
    assert Design.of(redrawn, "all", 0.95).deciding == "mrmc"
    assert Design.of(redrawn, "all", 0.95).overlap == 0.5
    twice = Outcomes(**{**vars(single), "folds": (limited[0],) * 2})
    assert Design.of(twice, "25", 0.95).deciding == "clustered_bootstrap"
    assert Design.of(twice, "25", 0.95).repeated
    assert not Design.of(folds, "all", 0.95).repeated


def test_families_are_corrected_apart_and_over_sizes() -> None:
    """Holm by hand: two headline questions over two sizes, and one exploratory."""

    def one(arm: str, size: str, p: float) -> Contrast:
        return Contrast(arm, "base", "auc", Paired("t", 0.1, 0, 0, p, 0.1), size)

    given = [one("a", "25", 0.02), one("b", "25", 0.03), one("a", "60", 0.04)]
    apart = evidence.corrected(given, ["a"], "base")
    assert [found.family for found in apart] == ["headline", "exploratory", "headline"]
    assert [found.p_holm for found in apart] == pytest.approx([0.04, 0.03, 0.04])
    assert [found.questions for found in apart] == [2, 1, 2]
    together = evidence.corrected(given)
    assert {found.family for found in together} == {"headline"}
    assert [found.p_holm for found in together] == pytest.approx([0.06, 0.06, 0.06])


def test_the_other_arm_of_a_baseline_contrast_names_the_family() -> None:
    """The baseline against the untreated images belongs to the untreated arm's family."""
    turned = Contrast("base", "real", "auc", Paired("t", 0.1, 0, 0, 0.01, 0.1))
    (found,) = evidence.corrected([turned], ["real"], "base")
    assert found.family == "headline"


@pytest.mark.parametrize(
    ("metric", "difference", "p_holm", "verdict"),
    [
        ("auc", 0.1, 0.01, "helps"),
        ("auc", -0.1, 0.01, "harms"),
        ("ece", 0.1, 0.01, "harms"),
        ("ece", -0.1, 0.01, "helps"),
        ("auc", 0.1, 0.05, "no evidence"),
        ("auc", 0.001, 0.05, "equivalent"),
        ("auc", 0.0, 0.0, "equivalent"),
        ("auc", 0.001, 0.01, "helps"),
        ("auc", 0.019, 0.3, "no evidence"),
    ],
)
def test_verdicts(metric: str, difference: float, p_holm: float, verdict: str) -> None:
    """The verdict follows the corrected p and the sign; a lower calibration error is better.

    Without significance, a difference of an error of 0.01 that is shown to lie within 0.02 is
    equivalent: up to 0.02 - 1.64 * 0.01 = 0.0036.
    """
    result = Paired("t", difference, 0, 0, 0.0, 0.01)
    p_equal = equivalence(result, 0.02).p
    found = Contrast("a", "b", metric, result, p_holm=p_holm, equal_holm=p_equal)
    assert found.verdict(0.95) == verdict


def test_equality_is_corrected_over_its_family() -> None:
    """Holm by hand: of p .02 and .04 in a family of two the larger one stays, the other doubles."""

    def one(arm: str, p: float) -> Contrast:
        result = Paired("t", 0.0, 0, 0, 1.0, 0.01)
        return Contrast(arm, "base", "auc", result, equal=Equivalence(0.02, p, -0.01, 0.01))

    found = evidence.corrected([one("a", 0.02), one("b", 0.03), one("c", 0.04)], ["a", "c"], "base")
    assert [each.equal_holm for each in found] == pytest.approx([0.04, 0.03, 0.04])


def test_arms_that_never_differ_are_no_evidence() -> None:
    """Two perfect arms are neither better nor shown to be equal by 24 patients."""
    outcomes = simulated({"a": 50.0, "b": 50.0}, groups=24)
    (found,) = evidence.contrast_all(
        [("b", "a")], outcomes, measured(outcomes), Design.of(outcomes, "all", 0.95),
        metric="accuracy", test="corrected_t", margin=0.02,
    )  # fmt: skip
    assert (found.result.difference, found.result.error) == (0.0, 0.0)
    assert found.verdict(0.95) == "no evidence"


def test_runs_of_one_generator_share_its_luck() -> None:
    """Without the column, or with a cell empty, seeds are by themselves; of two arms one counts."""
    outcomes = simulated({"a": 0.5, "b": 0.5}, seeds=3, folds=1)
    keys = {"repeat": [0] * 3, "fold": [0] * 3, "seed": [0, 1, 2]}
    runs = {
        "a": pd.DataFrame({**keys, "gan_seed": ["", "", ""]}),
        "b": pd.DataFrame({**keys, "gan_seed": [0, 1, 0]}),
    }
    outcomes = Outcomes(**{**vars(outcomes), "runs": runs})
    arms = measured(outcomes)
    assert arms["a"].overall["auc"].shared is None
    difference = arms["b"].overall["auc"] - arms["a"].overall["auc"]
    assert difference.shared is not None and difference.shared.tolist() == [[0, 1, 0]]
    assert contrast(outcomes, "clustered_bootstrap").generators == 2


def test_one_generator_does_not_hide_how_others_are_shared() -> None:
    """A set of one generator against one of three: seeds share as of the three, and it is said."""
    outcomes = simulated({"a": 0.5, "b": 0.5}, seeds=3, folds=1)
    keys = {"repeat": [0] * 3, "fold": [0] * 3, "seed": [0, 1, 2]}
    runs = {
        "a": pd.DataFrame({**keys, "gan_seed": [0, 0, 0]}),
        "b": pd.DataFrame({**keys, "gan_seed": [0, 1, 0]}),
    }
    outcomes = Outcomes(**{**vars(outcomes), "runs": runs})
    arms = measured(outcomes)
    for difference in (
        arms["b"].overall["auc"] - arms["a"].overall["auc"],
        arms["a"].overall["auc"] - arms["b"].overall["auc"],
    ):
        assert difference.shared is not None and difference.shared.tolist() == [[0, 1, 0]]
        assert difference.alone
    assert contrast(outcomes, "clustered_bootstrap").generators == 1


def test_a_pair_whose_test_cannot_be_made_takes_no_other_with_it() -> None:
    """An arm that leaves the metric undefined in a fold is left out; the others are compared."""
    outcomes = simulated({"a": 0.5, "b": 0.6, "c": 0.7}, folds=2)
    arms = measured(outcomes)
    arms["b"].overall["auc"].values[0] = np.nan
    found = evidence.contrast_all(
        [("b", "a"), ("c", "a")], outcomes, arms,
        Design.of(outcomes, "all", 0.95), metric="auc", test="corrected_t",
    )  # fmt: skip
    assert [each.arm for each in found] == ["c"]


def test_draws_that_repeat_one_training_set_differ_as_seeds_do() -> None:
    """Three draws of one seed have the error of one draw of three seeds, each its own generator."""
    values = np.array([[0.10], [-0.02], [0.07]])
    moves = numpy_rng(3, "moves").normal(size=(3, 1, 9)) / 100
    replicates = numpy_rng(4, "replicates").normal(0.05, 0.02, size=(50, 3))
    shared = np.zeros((3, 1), np.int64)
    draws = Sample(values, moves, replicates, shared)
    seeds = Sample(values.T, moves.transpose(1, 0, 2), replicates.mean(axis=1, keepdims=True))
    of_draws = Design("clustered_bootstrap", 1, 1, 0.95, repeated=True)
    of_seeds = Design("clustered_bootstrap", 1, 1, 0.95)
    found = evidence.paired_test(draws, "clustered_bootstrap", of_draws)
    assert found == evidence.paired_test(seeds, "clustered_bootstrap", of_seeds)
    assert found.error == pytest.approx(float(values.std(ddof=1)) / np.sqrt(3))


def test_smallest_difference_passes_the_correction() -> None:
    """With four questions a difference has to be found at a quarter of alpha."""
    alone = Contrast("a", "b", "auc", Paired("t", 0.0, 0, 0, 1.0, 0.01))
    among = Contrast("a", "b", "auc", Paired("t", 0.0, 0, 0, 1.0, 0.01), questions=4)
    assert alone.smallest(0.8, 0.95) == pytest.approx(0.01 * (1.959964 + 0.841621), rel=1e-3)
    assert among.smallest(0.8, 0.95) == pytest.approx(0.01 * (2.497705 + 0.841621), rel=1e-3)


def test_delong_needs_one_fold() -> None:
    """Scores of several folds share no scale, so DeLong is not offered across them."""
    outcomes = simulated({"a": 0.5, "b": 0.5})
    found = evidence.contrast_all(
        [("b", "a")], outcomes, measured(outcomes), Design.of(outcomes, "all", 0.95),
        metric="auc", test="delong",
    )  # fmt: skip
    assert found == []
    assert contrast(simulated({"a": 0.2, "b": 3.0}, folds=1), "delong", "auc").result.p < 0.05
