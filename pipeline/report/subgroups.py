"""The arms in parts of the test images: by lesion size, scanner, or any column of the manifest.

Parts are many and small, so nothing here is a verdict: it shows where to look next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.imageset import ImageSet
from pipeline.imageset.added import texts
from pipeline.report import evidence, measures
from pipeline.report.evidence import Design
from pipeline.report.outcomes import Fold, Outcomes
from pipeline.splits import Splits

FEWEST_GROUPS = 10
# Up to so many different numbers are levels by themselves, such as grades.
NUMBERS_SHOWN = 3
REST, UNKNOWN = "other", "not given"
Masks = tuple[NDArray[np.bool_], ...]


@dataclass(frozen=True)
class Part:
    """The test images at one level of a column.

    Args:
        column: Of data/images/manifest.csv.
        level: Its value, or the range of values.
        images: For each fold, (n,) which of its test images belong to it.
    """

    column: str
    level: str
    images: Masks


def divide(
    columns: Sequence[str], images: ImageSet, splits: Splits, outcomes: Outcomes
) -> list[Part]:
    """Divide the test images by each column.

    Text goes by its values, of which those with fewer than 10 test groups are taken together;
    numbers by tertiles of all images.

    Raises:
        ParameterError: If a column is missing or holds one value only.
    """
    ids = [sorted(splits.ids(fold.repeat, fold.fold, "test")) for fold in outcomes.folds]
    parts = []
    for column in columns:
        names, order = _levels(column, images.manifest)
        level_of = pd.Series(names, index=images.manifest["image_id"])
        found = [level_of.loc[here].to_numpy() for here in ids]
        masks = {level: tuple(here == level for here in found) for level in order}
        parts += [Part(column, level, mask) for level, mask in _merged(masks, outcomes)]
    return parts


def figures(
    part: Part,
    outcomes: Outcomes,
    pairs: Sequence[tuple[str, str]],
    metrics: Sequence[str],
    design: Design,
    draws: int,
    *,
    rng: Generator,
) -> dict[str, Any]:
    """Each arm's figures in one part, and the differences of pairs of arms.

    Args:
        part: Which test images.
        outcomes: The predictions of all.
        pairs: (arm, against).
        metrics: Metric keys; the first one's differences are given.
        design: Of the whole, which fixes the test behind the intervals.
        draws: Resampled sets of patients.
        rng: Draws them.
    """
    within = _restricted(outcomes, part)
    measured = measures.measure(within, draws, rng=rng)
    groups = len({int(group) for fold in within.folds for group in fold.groups})
    smallest = within.smallest_class
    contrasts = [
        found for pair in pairs for found in _difference(pair, within, measured, design, metrics[0])
    ]
    return {
        "column": part.column,
        "level": part.level,
        "groups": groups,
        "images": int(sum(mask.sum() for mask in part.images) / _times_tested(outcomes)),
        "arms": {
            arm: {
                key: vars(evidence.interval(key, measured[arm].overall[key], smallest, design))
                for key in metrics
            }
            for arm in within.arms
        },
        "differences": [
            {
                "arm": found.arm,
                "against": found.against,
                "metric": found.metric,
                "difference": found.result.difference,
                "low": found.result.low,
                "high": found.result.high,
            }
            for found in contrasts
        ],
    }


def _difference(
    pair: tuple[str, str],
    within: Outcomes,
    measured: Mapping[str, measures.Measured],
    design: Design,
    metric: str,
) -> list[evidence.Contrast]:
    """A pair's difference, where there is one: few folds hold enough of a part for its test."""
    first, second = (measured[arm].overall[metric] for arm in pair)
    several = len((first - second).defined().values) > 1
    test = design.deciding if several else evidence.BOOTSTRAP
    return evidence.contrast_all([pair], within, measured, design, metric=metric, test=test)


def _levels(column: str, manifest: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Each image's level, and the levels in order."""
    text = texts(column, manifest)
    given = text.ne("")
    numbers = pd.to_numeric(text[given], errors="coerce")
    if numbers.isna().any():
        order = sorted(set(text[given]))
    elif numbers.nunique() <= NUMBERS_SHOWN:
        order = [text[row] for row in numbers.drop_duplicates().sort_values().index]
    else:
        text, order = _tertiles(text, numbers)
    return list(text.where(given, UNKNOWN)), [*order, UNKNOWN]


def _tertiles(text: pd.Series, numbers: pd.Series) -> tuple[pd.Series, list[str]]:
    """The range that each number lies in, and the ranges in order."""
    first, second = np.quantile(numbers, [1 / 3, 2 / 3])
    low, high = _told_apart(first, second)
    ranges = [f"below {low}", f"{low} to {high}", f"from {high}"]
    place = np.searchsorted([first, second], numbers, side="right")
    named = text.copy()
    named[numbers.index] = [ranges[k] for k in place]
    return named, ranges


def _told_apart(low: float, high: float) -> tuple[str, str]:
    """Two bounds in so many digits that both are told, three at least, and without exponents.

    Rounding moves neither by more than a fifth of what lies between them.
    """
    said = "", ""
    for digits in range(max(3, len(f"{max(abs(low), abs(high)):.0f}")), 17):
        one, other = (
            np.format_float_positional(bound, digits, fractional=False, trim="-")
            for bound in (low, high)
        )
        said = one, other
        if max(abs(float(one) - low), abs(float(other) - high)) <= (high - low) / 5:
            break
    return said


def _merged(masks: Mapping[str, Masks], outcomes: Outcomes) -> list[tuple[str, Masks]]:
    """The levels with enough test groups, and the rest as one."""
    large: list[tuple[str, Masks]] = []
    small: list[tuple[str, Masks]] = []
    for level, mask in masks.items():
        groups = {
            int(group)
            for fold, here in zip(outcomes.folds, mask, strict=True)
            for group in fold.groups[here]
        }
        if groups:
            (large if len(groups) >= FEWEST_GROUPS else small).append((level, mask))
    if len(small) < 2:
        return [*large, *small]
    rest = tuple(np.any(each, axis=0) for each in zip(*(mask for _, mask in small), strict=True))
    return [*large, (REST, rest)]


def _restricted(outcomes: Outcomes, part: Part) -> Outcomes:
    folds = [
        _masked(fold, mask)
        for fold, mask in zip(outcomes.folds, part.images, strict=True)
        if mask.any()
    ]
    return replace(outcomes, folds=tuple(folds))


def _masked(fold: Fold, mask: NDArray[np.bool_]) -> Fold:
    scores = {arm: values[:, mask] for arm, values in fold.probabilities.items()}
    return replace(fold, labels=fold.labels[mask], groups=fold.groups[mask], probabilities=scores)


def _times_tested(outcomes: Outcomes) -> float:
    """How often each image is tested, on average."""
    return sum(len(fold.labels) for fold in outcomes.folds) / outcomes.images
