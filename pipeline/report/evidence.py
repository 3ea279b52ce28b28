"""From aligned predictions to intervals, paired tests and verdicts.

What a figure is: each trained classifier (fold and seed) is measured by itself on its test images;
seeds are averaged within a fold, folds among themselves. It is what one training run can be
expected to give. Probabilities are averaged over seeds only where a test needs one answer an image
(DeLong, McNemar), which then speak of the ensemble of the seeds.

Which test decides is fixed by `split.scheme`, before anything is seen: the corrected resampled
t-test over folds for `kfold`, the patient-clustered paired bootstrap else. Only the primary metric
gets verdicts; everything else is `supporting`. p-values are corrected by Holm over the contrasts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline import statistics
from pipeline.classifier import metrics
from pipeline.report.outcomes import Fold, Outcomes
from pipeline.statistics import Paired

BOOTSTRAP = "clustered_bootstrap"
LOWER_IS_BETTER = frozenset({"ece"})
# Drawing patients twice makes any classifier look worse calibrated, by more than the interval.
_BIASED = frozenset({"ece"})
Values = NDArray[np.float64]
# Image weights held at once: 2 million of 8 bytes.
_CHUNK = 2_000_000


@dataclass(frozen=True)
class Interval:
    """A figure with its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Contrast:
    """One arm held against another on one metric.

    Args:
        arm: The arm in question.
        against: The arm it is held against.
        metric: A metric key.
        result: Difference, interval and p.
        p_holm: p corrected over the contrasts of the same metric and test.
    """

    arm: str
    against: str
    metric: str
    result: Paired
    p_holm: float

    def verdict(self, confidence: float) -> str:
        """`helps`, `harms` or `no evidence`."""
        if 1 - self.p_holm <= confidence or self.result.difference == 0:
            return "no evidence"
        better = (self.result.difference > 0) != (self.metric in LOWER_IS_BETTER)
        return "helps" if better else "harms"


@dataclass(frozen=True)
class Measured:
    """Figures of one arm.

    Args:
        overall: Metric -> array; see the functions for its axes.
        per_class: Class -> metric -> array.
    """

    overall: dict[str, Values] = field(default_factory=dict)
    per_class: dict[str, dict[str, Values]] = field(default_factory=dict)


def measure(outcomes: Outcomes) -> dict[str, Measured]:
    """Measure every trained classifier by itself.

    Returns:
        For each arm, (J, S) arrays over folds and seeds; NaN where a fold leaves a metric
        undefined.
    """
    return {arm: _measure_arm(outcomes, arm) for arm in outcomes.arms}


def resample(outcomes: Outcomes, draws: int, *, rng: Generator) -> dict[str, Measured]:
    """Measure every arm on the same resampled patients and training runs.

    Args:
        outcomes: The predictions.
        draws: Resampled test sets, B.
        rng: Draws them.

    Returns:
        For each arm, (B,) arrays of its figures.
    """
    of_groups = statistics.group_weights(outcomes.strata, draws, rng=rng)
    shape = len(outcomes.folds), len(outcomes.seeds)
    of_seeds = statistics.seed_weights(*shape, draws, rng=rng)
    result = {}
    for arm in outcomes.arms:
        totals, masses = Measured(), Measured()
        for j, fold in enumerate(outcomes.folds):
            for s in range(len(outcomes.seeds)):
                figures = _resample_run(outcomes, fold, fold.probabilities[arm][s], of_groups)
                _add(totals, masses, figures, of_seeds[:, j, s])
        result[arm] = Measured(
            {key: _divide(totals.overall[key], masses.overall[key]) for key in totals.overall},
            {
                name: {key: _divide(each[key], masses.per_class[name][key]) for key in each}
                for name, each in totals.per_class.items()
            },
        )
    return result


def summarise(
    metric: str, values: Values, replicates: Values, patients: int, confidence: float
) -> Interval:
    """Average (J, S) values of a metric, with the bootstrap's interval.

    Where every resampled set gives one and the same figure (no error in any patient, say), the
    bootstrap knows no width; then the interval is Wilson's for `patients` patients.
    """
    mean = average(values)
    drawn = _centred(metric, replicates, mean)
    low, high = statistics.percentile_interval(drawn, confidence)
    if metric in _BIASED:
        low = max(0.0, low)
    elif high - low < 1e-12 and 0 <= mean <= 1:
        low, high = statistics.wilson(mean * patients, patients, confidence)
    return Interval(mean, low, high)


def average(values: Values) -> float:
    """Mean over folds of the mean over seeds; folds that leave the metric undefined are out."""
    over_seeds = values.mean(axis=1)
    defined = over_seeds[~np.isnan(over_seeds)]
    return float(defined.mean()) if len(defined) else float("nan")


def contrast_all(
    pairs: Sequence[tuple[str, str]],
    outcomes: Outcomes,
    measured: Mapping[str, Measured],
    resampled: Mapping[str, Measured],
    *,
    metric: str,
    test: str,
    confidence: float,
) -> list[Contrast]:
    """Test pairs of arms on one metric with one test, corrected by Holm over the pairs.

    Args:
        pairs: (arm, against).
        outcomes: The predictions.
        measured: From `measure`.
        resampled: From `resample`.
        metric: A metric key.
        test: `corrected_t`, `clustered_bootstrap`, `delong` or `mcnemar`; the latter two for
            `auc` and `accuracy` of a single fold.
        confidence: Two-sided coverage of the intervals.

    Returns:
        One contrast a pair, or none where the test cannot be made.
    """
    results: list[Paired] = []
    for arm, against in pairs:
        values = measured[arm].overall[metric] - measured[against].overall[metric]
        if test == BOOTSTRAP:
            drawn = resampled[arm].overall[metric] - resampled[against].overall[metric]
            replicates = _centred(metric, drawn, average(values))
            low, high = statistics.percentile_interval(replicates, confidence)
            p = statistics.bootstrap_p(replicates)
            results.append(Paired(BOOTSTRAP, average(values), low, high, p))
        elif test == "corrected_t":
            over_seeds = values.mean(axis=1)
            defined = over_seeds[~np.isnan(over_seeds)]
            if len(defined) < 2:
                return []
            ratio = outcomes.test_train_ratio
            results.append(statistics.corrected_t(defined, ratio, confidence))
        else:
            result = _ensemble_test(test, outcomes, arm, against, confidence)
            if result is None:
                return []
            results.append(result)
    corrected = statistics.holm([result.p for result in results])
    return [
        Contrast(arm, against, metric, result, float(p))
        for (arm, against), result, p in zip(pairs, results, corrected, strict=True)
    ]


def _centred(metric: str, replicates: Values, mean: float) -> Values:
    """Move the replicates of a metric that resampling biases onto the estimate."""
    if metric not in _BIASED:
        return replicates
    return replicates - float(np.nanmean(replicates)) + mean


def _measure_arm(outcomes: Outcomes, arm: str) -> Measured:
    shape = len(outcomes.folds), len(outcomes.seeds)
    found = Measured(
        {key: np.full(shape, np.nan) for key in metrics.METRICS},
        {
            name: {key: np.full(shape, np.nan) for key in metrics.PER_CLASS}
            for name in outcomes.classes
        },
    )
    for j, fold in enumerate(outcomes.folds):
        for s, scores in enumerate(fold.probabilities[arm]):
            overall = metrics.evaluate(
                fold.labels, scores, outcomes.classes, outcomes.positive_class
            )
            for key, value in overall.items():
                found.overall[key][j, s] = value
            for name, each in metrics.per_class(fold.labels, scores, outcomes.classes).items():
                for key, value in each.items():
                    found.per_class[name][key][j, s] = value
    return found


def _resample_run(outcomes: Outcomes, fold: Fold, scores: Values, of_groups: Values) -> Measured:
    """(B,) figures of one trained classifier, in chunks that bound the memory."""
    chunk = max(1, _CHUNK // len(fold.labels))
    parts = [
        statistics.weighted_metrics(
            fold.labels, scores, of_groups[start : start + chunk, fold.groups], outcomes.positive
        )
        for start in range(0, len(of_groups), chunk)
    ]
    return Measured(
        {key: np.concatenate([part.overall[key] for part in parts]) for key in parts[0].overall},
        {
            name: {
                key: np.concatenate([part.per_class[k][key] for part in parts])
                for key in parts[0].per_class[k]
            }
            for k, name in enumerate(outcomes.classes)
        },
    )


def _add(totals: Measured, masses: Measured, figures: Measured, weights: Values) -> None:
    """Add one run's figures under its weights, where they are defined."""
    targets = [(totals.overall, masses.overall, figures.overall)]
    for name, each in figures.per_class.items():
        above = totals.per_class.setdefault(name, {})
        targets.append((above, masses.per_class.setdefault(name, {}), each))
    for total, mass, found in targets:
        for key, values in found.items():
            defined = ~np.isnan(values)
            total[key] = total.get(key, 0.0) + weights * np.where(defined, values, 0.0)
            mass[key] = mass.get(key, 0.0) + weights * defined


def _divide(total: Values, mass: Values) -> Values:
    result: Values = np.full(total.shape, np.nan)
    np.divide(total, mass, out=result, where=mass > 0)
    return result


def _ensemble_test(
    test: str, outcomes: Outcomes, arm: str, against: str, confidence: float
) -> Paired | None:
    """DeLong or McNemar on the seeds' mean probabilities, clustered where patients repeat."""
    if len(outcomes.folds) != 1:
        return None
    fold = outcomes.folds[0]
    first, second = (fold.probabilities[name].mean(axis=0) for name in (arm, against))
    single = len(np.unique(fold.groups)) == len(fold.groups)
    if test == "delong":
        k = outcomes.positive
        if k is None:
            return None
        truth = fold.labels == k
        groups = None if single else fold.groups
        try:
            return statistics.delong(truth, first[:, k], second[:, k], confidence, groups=groups)
        except ValueError:
            return None
    right = first.argmax(axis=1) == fold.labels
    right_against = second.argmax(axis=1) == fold.labels
    if single:
        return statistics.mcnemar(right, right_against, confidence)
    return statistics.mcnemar_clustered(right, right_against, fold.groups, confidence)
