"""How good each arm is with how many training patients, and how many real ones it is worth.

An arm's worth at a size is the number of real patients that the baseline needs to be as good:
where the baseline, taken as rising from size to size and straight over the logarithm of patients
between them, crosses the arm's figure. Outside of the sizes that were measured nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from pipeline.report.measures import Measured, Sample, mean_of_defined
from pipeline.report.outcomes import Outcomes
from pipeline.report.scales import LOWER_IS_BETTER

Values = NDArray[np.float64]
BySize = Mapping[str, Mapping[str, Measured]]


def curves(
    outcomes: Mapping[str, Outcomes],
    arms: Mapping[str, Mapping[str, Any]],
    metrics: Sequence[str],
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Arm -> metric -> its figures by rising number of patients.

    Args:
        outcomes: Size -> predictions.
        arms: Size -> the `arms` of that size.
        metrics: Which figures are shown.
    """
    patients = training_patients(outcomes)
    sizes = sorted(outcomes, key=patients.__getitem__)
    return {
        arm: {
            metric: [
                {"train_patients": size, "patients": patients[size], **arms[size][arm][metric]}
                for size in sizes
            ]
            for metric in metrics
        }
        for arm in next(iter(outcomes.values())).arms
    }


def training_patients(outcomes: Mapping[str, Outcomes]) -> dict[str, float]:
    """Size -> mean number of training groups over its draws."""
    return {
        size: float(np.mean([len(fold.training) for fold in found.folds]))
        for size, found in outcomes.items()
    }


def worth(
    outcomes: Mapping[str, Outcomes],
    measured: BySize,
    metric: str,
    baseline: str,
    confidence: float,
    *,
    rng: Generator,
) -> dict[str, list[dict[str, Any]]]:
    """How many real patients of the baseline's each arm is worth at each size.

    Args:
        outcomes: Size -> predictions; two sizes at least.
        measured: Size -> arm -> figures, resampled on the same patients at all sizes.
        metric: The metric key that is compared.
        baseline: The arm whose patients are counted.
        confidence: Of the bootstrap's interval, over patients and draws.
        rng: Draws the training draws, the same ones at all sizes.

    Returns:
        For each arm but the baseline one row a size; `worth`, `low` or `high` is None where it
        lies outside of the sizes that were measured.
    """
    patients = training_patients(outcomes)
    sizes = sorted(outcomes, key=patients.__getitem__)
    logs = np.log([patients[size] for size in sizes])
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    weights: dict[int, Values] = {}

    def of(arm: str, size: str) -> tuple[float, Values]:
        sample = measured[size][arm].overall[metric]
        folds = sample.replicates.shape[1]
        if folds not in weights:
            weights[folds] = _draw_weights(folds, len(sample.replicates), rng)
        return sign * sample.mean, sign * _resampled(sample, weights[folds])

    known = [of(baseline, size) for size in sizes]
    level = monotone([[mean for mean, _ in known]])
    drawn = monotone(np.stack([replicates for _, replicates in known], axis=1))
    tail = (1 - confidence) / 2
    rows: dict[str, list[dict[str, Any]]] = {}
    for arm in next(iter(outcomes.values())).arms:
        for size in sizes if arm != baseline else ():
            mean, replicates = of(arm, size)
            found = np.exp(crossing(level, logs, [mean]))[0]
            bounds = np.exp(crossing(drawn, logs, replicates))
            low, high = np.quantile(bounds, [tail, 1 - tail], method="inverted_cdf")
            row = {"train_patients": size, "patients": patients[size], "worth": _inside(found)}
            rows.setdefault(arm, []).append(row | {"low": _inside(low), "high": _inside(high)})
    return rows


def monotone(levels: ArrayLike) -> Values:
    """The nearest rows that never fall, by least squares.

    Args:
        levels: (B, K).

    Source: Barlow et al. 1972, Statistical Inference under Order Restrictions, the max-min formula.
    """
    given = np.asarray(levels, np.float64)
    sums = np.cumsum(np.pad(given, ((0, 0), (1, 0))), axis=1)
    count = given.shape[1]
    result = np.empty(given.shape)
    for i in range(count):
        below = [
            np.min([(sums[:, b] - sums[:, a]) / (b - a) for b in range(i + 1, count + 1)], axis=0)
            for a in range(i + 1)
        ]
        result[:, i] = np.max(below, axis=0)
    return result


def crossing(levels: ArrayLike, places: ArrayLike, values: ArrayLike) -> Values:
    """Where rising, piecewise straight curves first reach a value.

    Args:
        levels: (B, K) never falling.
        places: (K,) rising.
        values: (B,).

    Returns:
        (B,) places; minus infinity where the curve begins above, infinity where it ends below.
    """
    curve, at, wanted = (np.asarray(part, np.float64) for part in (levels, places, values))
    result = np.where(wanted < curve[:, 0], -np.inf, np.inf)
    result[wanted == curve[:, 0]] = at[0]
    for k in range(1, curve.shape[1]):
        low, high = curve[:, k - 1], curve[:, k]
        here = (low < wanted) & (wanted <= high)
        step = (wanted[here] - low[here]) / (high[here] - low[here])
        result[here] = at[k - 1] + step * (at[k] - at[k - 1])
    return result


def _draw_weights(folds: int, draws: int, rng: Generator) -> Values:
    """(B, J) weights of training draws; one fewer is drawn, so that means vary as they should.

    Source: Rao and Wu 1988, doi:10.1080/01621459.1988.10478591.
    """
    if folds == 1:
        return np.ones((draws, 1))
    return rng.multinomial(folds - 1, np.full(folds, 1 / folds), size=draws) / (folds - 1)


def _resampled(sample: Sample, weights: Values) -> Values:
    """(B,) the mean on resampled patients and draws, or on all draws if undefined on those."""
    there = ~np.isnan(sample.replicates)
    mass = (weights * there).sum(axis=1)
    total = (weights * np.where(there, sample.replicates, 0.0)).sum(axis=1)
    return np.where(
        mass > 0, total / np.where(mass > 0, mass, 1), mean_of_defined(sample.replicates)
    )


def _inside(value: float) -> float | None:
    return float(value) if 0 < value < np.inf else None
