"""Does a generator copy its training images?

Every synthetic image is compared with all training images in every space, and so is every held-out
image, whose patients the generator never saw: what it reaches by chance sets the thresholds.

The finding asks two things in each space: is one image likelier a copy than chance allows among so
many (the smallest tail p-value, times the number of images), and are more images flagged than
chance allows (a beta-binomial count). Holm's correction over both and over all spaces keeps the
chance of crying wolf at all below `overall_alarm`. A finding of no copies is none of anonymity.

That synthetic images are nearer than held-out ones on the whole is reported beside it, by the rank
test of Meehan et al. 2020 (arXiv:2004.05675, section 3), clustered by patient. It does not decide:
a generator that keeps to what is typical comes nearer without copying anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import binom

from pipeline.privacy.calibration import Yardstick, margins
from pipeline.privacy.spaces import Found, Part, search
from pipeline.statistics import delong, holm, wilson

FEWEST = 10
COLUMNS = (
    "synthetic_id", "training_id", "second_training_id", "space",
    "distance", "score", "p", "p_tail", "p_holm",
)  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """What is looked for, and how often it may cry wolf.

    Args:
        false_alarm: Share of fresh images that may be flagged in each space.
        overall_alarm: Chance of finding copies where there are none.
        shift: Pixels by which copies may be shifted.
    """

    false_alarm: float
    overall_alarm: float
    shift: int


@dataclass(frozen=True)
class Likeness:
    """How near images are to training images in one space.

    Args:
        found: The nearest training images.
        scores: (N,) margins.
    """

    found: Found
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class Space:
    """One space: synthetic images, held-out ones, and what these make of a score."""

    synthetic: Likeness
    held_out: Likeness
    yardstick: Yardstick


def compare(training: Part, held_out: Part, synthetic: Part, rule: Rule) -> dict[str, Space]:
    """Measure how near synthetic and held-out images are to training images, in every space.

    Args:
        training: What the generator learnt from.
        held_out: Images of at least two groups that it never saw.
        synthetic: What it made.
        rule: What is looked for.
    """
    shift = rule.shift
    to_training = search(synthetic, training, shift=shift), search(held_out, training, shift=shift)
    to_unseen = (
        search(synthetic, held_out, shift=shift),
        search(held_out, held_out, shift=shift, apart=True),
    )
    patients = len(np.unique(held_out.groups))
    spaces = {}
    for name in to_training[0]:
        usual = float(np.median(to_training[1][name].distances))
        made, usual_ones = (
            Likeness(near[name], margins(near[name].distances, far[name].distances, usual))
            for near, far in zip(to_training, to_unseen, strict=True)
        )
        yardstick = Yardstick.of(usual_ones.scores, patients, rule.false_alarm)
        spaces[name] = Space(made, usual_ones, yardstick)
    return spaces


def judge(spaces: Mapping[str, Space], groups: NDArray[Any], rule: Rule) -> dict[str, Any]:
    """Say whether there are copies, and how near images come in every space.

    Args:
        spaces: From `compare`.
        groups: (h,) whose the held-out images are.
        rule: How often it may cry wolf.

    Returns:
        `copying`, `finding` in words, `overall_alarm`, `false_alarm`, `correction`, the corrected
        `p`, `named` (synthetic images that are likelier copies than chance allows among all) and
        by space what `_figures` gives.
    """
    figures = {name: _figures(space, groups) for name, space in spaces.items()}
    questions = [(name, key) for name in figures for key in ("p_nearest", "p_flagged")]
    corrected = holm([figures[name][key] for name, key in questions])
    guilty = [
        question
        for question, p in zip(questions, corrected, strict=True)
        if p <= rule.overall_alarm
    ]
    named = int((_named(spaces) <= rule.overall_alarm).any(axis=0).sum())
    return {
        "copying": bool(guilty),
        "finding": _in_words(guilty, figures, rule),
        "overall_alarm": rule.overall_alarm,
        "false_alarm": rule.false_alarm,
        "correction": "holm",
        "p": float(corrected.min()),
        "named": named,
        "spaces": figures,
    }


def flagged(spaces: Mapping[str, Space], training: Part, synthetic: Part) -> pd.DataFrame:
    """List the synthetic images above a threshold, the most suspicious first.

    Returns:
        `COLUMNS`: `p` is conformal; `p_tail` goes on beyond the greatest held-out score; `p_holm`
        is that, corrected for all images and spaces.
    """
    rows = []
    for (name, space), corrected in zip(spaces.items(), _named(spaces), strict=True):
        made, found = space.synthetic, space.synthetic.found
        conformal, tail = space.yardstick.conformal(made.scores), space.yardstick.tail(made.scores)
        for row in np.flatnonzero(space.yardstick.flagged(made.scores)):
            other = found.others[row]
            rows.append(
                (
                    synthetic.ids[row],
                    training.ids[found.positions[row]],
                    training.ids[other] if other >= 0 else "",
                    name,
                    *(float(f"{each[row]:.6g}")
                      for each in (found.distances, made.scores, conformal, tail, corrected)),
                )
            )  # fmt: skip
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values(["p_tail", "synthetic_id", "space"], ignore_index=True)


def most_suspicious(
    spaces: Mapping[str, Space], count: int, *, held_out: bool = False
) -> list[tuple[int, int, str]]:
    """The images most like training images: (image, training image, space), nearest first."""
    sides = [space.held_out if held_out else space.synthetic for space in spaces.values()]
    chances = np.stack(
        [space.yardstick.tail(side.scores)
         for space, side in zip(spaces.values(), sides, strict=True)]
    )  # fmt: skip
    where = chances.argmin(axis=0)
    order = np.lexsort([-np.max([side.scores for side in sides], axis=0), chances.min(axis=0)])
    names = list(spaces)
    return [
        (int(row), int(sides[where[row]].found.positions[row]), names[where[row]])
        for row in order[:count]
    ]


def _named(spaces: Mapping[str, Space]) -> NDArray[np.float64]:
    """Tail p-values (spaces, N), corrected for all images and spaces."""
    chances = np.stack([space.yardstick.tail(space.synthetic.scores) for space in spaces.values()])
    return holm(chances.ravel()).reshape(chances.shape)


def _figures(space: Space, groups: NDArray[Any]) -> dict[str, Any]:
    """What one space shows.

    Returns:
        `distance` of synthetic and of held-out images to the nearest training image; `nearer`, the
        chance that a synthetic one is nearer than a held-out one (AUC) with its interval and
        one-sided p-value; `threshold` of the score; `share` flagged with its interval, beside
        `expected` and what held-out images `realised`; the p-values that decide.
    """
    made, yardstick = space.synthetic, space.yardstick
    count, images = int(yardstick.flagged(made.scores).sum()), len(made.scores)
    low, high = wilson(count, images)
    return {
        "distance": {
            "synthetic": _quantiles(made.found.distances),
            "held_out": _quantiles(space.held_out.found.distances),
        },
        "nearer": _nearer(made.found.distances, space.held_out.found.distances, groups),
        "threshold": yardstick.threshold,
        "flagged": count,
        "share": {"value": count / images, "low": low, "high": high},
        "expected": yardstick.expected,
        "realised": dict(zip(("low", "high"), yardstick.realised, strict=True)),
        "p_flagged": yardstick.chance_of(count, images),
        "p_nearest": min(1.0, images * float(yardstick.tail(made.scores).min())),
    }


def _quantiles(distances: NDArray[np.float64]) -> dict[str, float]:
    shares = {"p01": 0.01, "p05": 0.05, "median": 0.5}
    return {name: float(np.quantile(distances, share)) for name, share in shares.items()}


def _nearer(
    synthetic: NDArray[np.float64], held_out: NDArray[np.float64], groups: NDArray[Any]
) -> dict[str, Any]:
    """A rank test, clustered by held-out patient; each synthetic image stands for itself.

    Where every synthetic image is nearer than every held-out one, p is the chance of that order.

    The number of images on either side does not bias it: both look among the same training images.
    """
    made = np.arange(len(synthetic) + len(held_out)) < len(synthetic)
    nearness = -np.concatenate([synthetic, held_out])
    _, patient = np.unique(groups, return_inverse=True)
    clusters = np.concatenate([np.arange(len(synthetic)), len(synthetic) + patient])
    # Held against a constant, whose area is one half, the test of two areas is one of one area.
    area = delong(made, nearness, np.zeros(len(made)), groups=clusters)
    auc = 0.5 + area.difference
    low, high = 0.5 + area.low, 0.5 + area.high
    p = area.p / 2 if area.difference > 0 else 1.0 - area.p / 2
    if area.error == 0:  # all of one kind before all of the other, or all alike
        patients = int(patient.max()) + 1
        low, high = wilson(auc * patients, patients)
        p = 1.0 / float(binom(len(synthetic) + patients, patients)) if auc == 1 else 1.0
    return {
        "auc": auc,
        "low": max(0.0, low),
        "high": min(1.0, high),
        "p": p,
        "test": "mann_whitney_clustered_by_patient",
    }


def _in_words(
    guilty: list[tuple[str, str]], figures: Mapping[str, Mapping[str, Any]], rule: Rule
) -> str:
    rate = f"at a false-alarm rate of {rule.overall_alarm:.0%}"
    if not guilty:
        return f"No more copies found than among images of patients it never saw, {rate}."
    names = ", ".join(dict.fromkeys(name.replace("_", " ") for name, _ in guilty))
    most = max((figures[name] for name, _ in guilty), key=lambda each: float(each["flagged"]))
    return (
        f"Copies found ({names}), {rate}: {most['flagged']} images lie nearer to a training image "
        f"than chance explains, {most['share']['value']:.1%} where {most['expected']:.1%} of the "
        "images of patients it never saw would."
    )
