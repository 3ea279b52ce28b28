"""What the aligned predictions measure, and how far each figure depends on who was tested.

What a figure is: each trained classifier (fold and seed) is measured by itself on its test images;
seeds are averaged within a fold, folds among themselves. It is what one training run can be
expected to give. Beside every figure stand the same on resampled patients and its moves as each
group is left out, measured in one go, so that every test has what it needs. All three are linear:
a difference of arms is the difference of their samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline import statistics
from pipeline.report.outcomes import Fold, Outcomes

Values = NDArray[np.float64]
# Image weights held at once: 2 million of 8 bytes.
_CHUNK = 2_000_000
# Groups left out one at a time; more are left out in blocks of one size.
_MOST_BLOCKS = 500


@dataclass(frozen=True)
class Sample:
    """One figure of one arm, or the difference of two arms in it.

    Args:
        values: (J, S) over folds and seeds; NaN where a fold leaves it undefined.
        moves: (J, S, G) how far each moves as each group (or block of groups) is left out.
        replicates: (B, J) means over seeds on each resampled set of patients.
        shared: (J, S) numbers, the same where runs of a fold hang on one generator; None where
            none do.
        alone: Whether on one side all runs of a fold hang on a single generator, whose luck
            nothing tells.
    """

    values: Values
    moves: Values
    replicates: Values
    shared: NDArray[np.int64] | None = None
    alone: bool = False

    def __sub__(self, other: Self) -> Self:
        """The difference of two arms that were measured together."""
        return replace(
            self,
            values=self.values - other.values,
            moves=self.moves - other.moves,
            replicates=self.replicates - other.replicates,
            shared=_coarser(self.shared, other.shared),
            alone=self.alone or other.alone,
        )

    def defined(self) -> Self:
        """Without the folds that leave the figure undefined."""
        there = ~np.isnan(self.values).any(axis=1)
        return replace(
            self,
            values=self.values[there],
            moves=self.moves[there],
            replicates=self.replicates[:, there],
            shared=None if self.shared is None else self.shared[there],
        )

    def as_one_fold(self) -> Self:
        """Draws that have their training and test patients in common, as runs of one fold."""
        draws, seeds = self.values.shape
        shared = self.shared
        if shared is not None:  # each draw has generators of its own
            apart = shared + np.arange(draws)[:, None] * (shared.max() + 1)
            shared = apart.reshape(1, -1)
        return replace(
            self,
            values=self.values.reshape(1, -1),
            moves=self.moves.reshape(1, draws * seeds, -1),
            replicates=self.replicates.mean(axis=1, keepdims=True),
            shared=shared,
        )

    @property
    def generators(self) -> int:
        """How many trained generators stand behind it, 0 where none do or it is not known."""
        if self.shared is None:
            return 0
        return len(self.shared) if self.alone else sum(len(np.unique(fold)) for fold in self.shared)

    @property
    def mean(self) -> float:
        """Mean over folds of the mean over seeds; folds that leave it undefined are out."""
        found = self.defined().values
        return float(found.mean()) if len(found) else float("nan")

    @property
    def drawn(self) -> Values:
        """(B,) the mean on each resampled set of patients."""
        return mean_of_defined(self.replicates)


@dataclass(frozen=True)
class Measured:
    """Figures of one arm.

    Args:
        overall: Metric -> sample.
        per_class: Class -> metric -> sample.
    """

    overall: dict[str, Sample] = field(default_factory=dict)
    per_class: dict[str, dict[str, Sample]] = field(default_factory=dict)


def measure(outcomes: Outcomes, draws: int, *, rng: Generator) -> dict[str, Measured]:
    """Measure every arm on the same test patients, whole, resampled and without each group.

    Args:
        outcomes: The predictions.
        draws: Resampled sets of patients, B.
        rng: Draws them.
    """
    resampled = statistics.group_weights(outcomes.strata, draws, rng=rng)
    blocks = _blocks(outcomes.strata)
    weights = [_weights(fold, blocks, resampled) for fold in outcomes.folds]
    return {arm: _measure_arm(outcomes, arm, weights, blocks) for arm in outcomes.arms}


def mean_of_defined(values: Values) -> Values:
    """The mean over the last axis of what is defined, NaN where nothing is."""
    there = ~np.isnan(values)
    total, count = np.where(there, values, 0.0).sum(axis=-1), there.sum(axis=-1)
    result: Values = np.full(total.shape, np.nan)
    np.divide(total, count, out=result, where=count > 0)
    return result


@dataclass(frozen=True)
class _Weights:
    """Weights of a fold's images: all once, without each of its blocks, resampled."""

    left_out: NDArray[np.int64]
    rows: Values


def _blocks(strata: NDArray[np.int64]) -> NDArray[np.int64]:
    """(G,) the block of each group: its own, or one of many that hold all strata alike.

    Source: the delete-a-group jackknife; Kott 2001, Journal of Official Statistics 17:521-526.
    """
    place: NDArray[np.int64] = np.empty(len(strata), np.int64)
    place[np.argsort(strata, kind="stable")] = np.arange(len(strata)) % _MOST_BLOCKS
    return place


def _weights(fold: Fold, blocks: NDArray[np.int64], resampled: Values) -> _Weights:
    present, without = statistics.leave_one_out(blocks[fold.groups])
    whole = np.ones((1, len(fold.labels)))
    return _Weights(present, np.concatenate([whole, without, resampled[:, fold.groups]]))


def _measure_arm(
    outcomes: Outcomes,
    arm: str,
    weights: Sequence[_Weights],
    blocks: NDArray[np.int64],
) -> Measured:
    shape, shared = (len(outcomes.folds), len(outcomes.seeds)), outcomes.generators(arm)
    samples: dict[tuple[str, str], Sample] = {}
    for j, (fold, given) in enumerate(zip(outcomes.folds, weights, strict=True)):
        count = len(given.left_out)
        for s, scores in enumerate(fold.probabilities[arm]):
            for key, found in _figures(outcomes, fold, scores, given.rows).items():
                if key not in samples:
                    groups, draws = int(blocks.max()) + 1, len(found) - count - 1
                    samples[key] = _empty(shape, groups, draws, shared)
                sample = samples[key]
                sample.values[j, s] = found[0]
                without = found[1 : count + 1]
                sample.moves[j, s, given.left_out] = statistics.jackknife_moves(without)
                sample.replicates[:, j] += found[count + 1 :] / shape[1]
    return Measured(
        {metric: sample for (name, metric), sample in samples.items() if not name},
        {
            name: {metric: found for (of, metric), found in samples.items() if of == name}
            for name in outcomes.classes
        },
    )


def _empty(
    shape: tuple[int, int], blocks: int, draws: int, shared: NDArray[np.int64] | None
) -> Sample:
    values, moves = np.full(shape, np.nan), np.zeros((*shape, blocks))
    alone = shared is not None and all(_same(fold) for fold in shared)
    return Sample(values, moves, np.zeros((draws, shape[0])), shared, alone)


def _coarser(
    one: NDArray[np.int64] | None, other: NDArray[np.int64] | None
) -> NDArray[np.int64] | None:
    """Of two ways in which runs share generators the one with fewer of these.

    One generator for all runs of a fold comes last: its luck is not known, that of several is.
    """
    if one is None or other is None:
        return other if one is None else one
    alone = [all(_same(fold) for fold in shared) for shared in (one, other)]
    if alone[0] != alone[1]:
        return other if alone[0] else one
    return min(one, other, key=lambda shared: len(np.unique(shared)))


def _same(numbers: NDArray[np.int64]) -> bool:
    return bool((numbers == numbers[0]).all())


def _figures(
    outcomes: Outcomes, fold: Fold, scores: Values, rows: Values
) -> dict[tuple[str, str], Values]:
    """Every metric of one classifier under every row of weights, in chunks that bound memory.

    Keys are (class, metric), with an empty class for the metrics of all classes together.
    """
    chunk = max(1, _CHUNK // len(fold.labels))
    parts = [
        statistics.weighted_metrics(
            fold.labels, scores, rows[start : start + chunk], outcomes.positive, outcomes.averaged
        )
        for start in range(0, len(rows), chunk)
    ]
    found = {
        ("", key): np.concatenate([part.overall[key] for part in parts]) for key in parts[0].overall
    }
    for k, name in enumerate(outcomes.classes):
        for key in parts[0].per_class[k]:
            found[name, key] = np.concatenate([part.per_class[k][key] for part in parts])
    return found
