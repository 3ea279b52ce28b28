"""Whether predicted probabilities come true: the points of a reliability diagram."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline import statistics
from pipeline.report.outcomes import Outcomes

BINS = 10


def reliability(
    outcomes: Outcomes, draws: int, confidence: float, *, rng: Generator
) -> dict[str, list[dict[str, Any]]]:
    """How often what was predicted with about a probability was true.

    Predictions of all folds and seeds are pooled. With a positive class they are its
    probabilities, else those of the most probable class.

    Args:
        outcomes: The predictions.
        draws: Resampled sets of patients behind the intervals.
        confidence: Two-sided coverage of the intervals.
        rng: Draws them.

    Returns:
        For each arm, one row a bin that is not empty: `predicted` (mean), `observed` with `low`
        and `high` over resampled patients, and `images` (a mean over seeds).

    Source: Murphy and Winkler 1977, doi:10.2307/2346866; bins as Guo et al. 2017,
    arXiv:1706.04599, section 2.
    """
    weights = statistics.group_weights(outcomes.strata, draws, rng=rng)
    return {arm: _of_arm(outcomes, arm, weights, confidence) for arm in outcomes.arms}


def _of_arm(
    outcomes: Outcomes, arm: str, weights: NDArray[np.float64], confidence: float
) -> list[dict[str, Any]]:
    shape = len(outcomes.strata), BINS
    count, true, said = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for fold in outcomes.folds:
        for scores in fold.probabilities[arm]:
            chance, hit = _predicted(outcomes, scores, fold.labels)
            place = fold.groups, np.minimum((chance * BINS).astype(np.int64), BINS - 1)
            np.add.at(count, place, 1)
            np.add.at(true, place, hit)
            np.add.at(said, place, chance)
    rows = []
    drawn, drawn_true = weights @ count, weights @ true
    for k in np.flatnonzero(count.sum(axis=0)):
        total, hits = float(count[:, k].sum()), float(true[:, k].sum())
        some = drawn[:, k] > 0
        low, high = statistics.percentile_interval(drawn_true[some, k] / drawn[some, k], confidence)
        if high - low < 1e-12:
            low, high = statistics.wilson(
                hits / total * (present := int((count[:, k] > 0).sum())), present, confidence
            )
        rows.append(
            {
                "predicted": float(said[:, k].sum()) / total,
                "observed": hits / total,
                "low": low,
                "high": high,
                "images": total / len(outcomes.seeds),
            }
        )
    return rows


def _predicted(
    outcomes: Outcomes, scores: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(n,) probabilities and whether what they were given to was true."""
    if outcomes.positive is not None:
        return scores[:, outcomes.positive], labels == outcomes.positive
    return scores.max(axis=1), labels == scores.argmax(axis=1)
