"""Aligned predictions with a known true difference and the correlations of real ones.

An image's score is its class's sign times the arm's skill, and luck of every kind that there is:

    score = sign (skill + training + seed) + patient + patient and arm + patient, arm and training
            + image

Training luck is a sum over the patients trained on, so that draws with common patients share it;
each arm has its own. A patient's parts are shared by all of its images, and all but the last two
by all draws that test it. All parts are normal, so an arm's expected sensitivity and specificity
are Phi(skill / s) with s the standard deviation of all luck together: the true difference in
balanced accuracy is known in closed form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import Generator
from scipy.stats import norm

from pipeline.report.outcomes import Fold, Outcomes


@dataclass(frozen=True)
class Luck:
    """Standard deviations of the parts of a score."""

    training: float = 0.15
    seed: float = 0.15
    patient: float = 0.7
    patient_arm: float = 0.45
    patient_run: float = 0.45
    image: float = 0.6

    @property
    def whole(self) -> float:
        """Of all parts together."""
        return float(np.sqrt(sum(part**2 for part in vars(self).values())))


@dataclass(frozen=True)
class Draw:
    """Who is trained on and who is tested, indices of patients."""

    repeat: int
    fold: int
    train: np.ndarray
    test: np.ndarray


def folded(patients: int, folds: int, repeats: int, limit: int | None, rng: Generator):
    """Cross-validation, with the training part limited or not; both classes in every part."""
    draws = []
    for repeat in range(repeats):
        place = _stratified(patients, folds, rng)
        for fold in range(folds):
            train = np.flatnonzero(place != fold)
            train = train if limit is None else _pick(train, limit, rng)
            draws.append(Draw(repeat, fold, train, np.flatnonzero(place == fold)))
    return draws


def fixed(patients: int, tested: int, repeats: int, limit: int, rng: Generator):
    """One test part for all repeats, which draw their training patients from the rest."""
    test, rest = np.arange(tested), np.arange(tested, patients)
    return [Draw(repeat, 0, _pick(rest, limit, rng), test) for repeat in range(repeats)]


def simulate(
    draws: list[Draw],
    skills: Mapping[str, float],
    *,
    patients: int,
    seeds: int,
    rng: Generator,
    luck: Luck | None = None,
) -> Outcomes:
    """Predictions of arms of some skills; each patient has one to three images of its one class."""
    luck = luck or Luck()
    count = rng.integers(1, 4, patients)
    owner = np.repeat(np.arange(patients), count)
    label = owner % 2
    sign = 2.0 * label - 1
    shared = rng.normal(0, luck.patient, patients)
    own = rng.normal(0, luck.patient_arm, (len(skills), patients))
    influence = rng.normal(0, luck.training, (len(skills), patients))
    tested = np.unique(np.concatenate([draw.test for draw in draws]))
    folds = []
    for draw in draws:
        rows = np.flatnonzero(np.isin(owner, draw.test))
        _, groups = np.unique(owner[rows], return_inverse=True)
        shape = seeds, len(draw.test)
        probabilities = {}
        for a, (arm, ability) in enumerate(skills.items()):
            learned = influence[a, draw.train].sum() / np.sqrt(len(draw.train))
            skill = ability + learned + rng.normal(0, luck.seed, (seeds, 1))
            run = rng.normal(0, luck.patient_run, shape)[:, groups]
            at = shared[owner[rows]] + own[a, owner[rows]]
            score = sign[rows] * skill + at + run
            score = score + rng.normal(0, luck.image, (seeds, len(rows)))
            chance = 1 / (1 + np.exp(-score))
            probabilities[arm] = np.stack([1 - chance, chance], axis=2)
        training = frozenset(str(patient) for patient in draw.train)
        place = np.searchsorted(tested, owner[rows])
        folds.append(Fold(draw.repeat, draw.fold, label[rows], place, training, probabilities))
    return Outcomes(
        ("benign", "malignant"), "malignant", tuple(skills), tuple(range(seeds)), tuple(folds),
        tested % 2, len(tested), int(np.isin(owner, tested).sum()),
        {arm: pd.DataFrame() for arm in skills},
    )  # fmt: skip


def skill_of(accuracy: float, luck: Luck | None = None) -> float:
    """The skill whose expected balanced accuracy this is."""
    return float(norm.ppf(accuracy)) * (luck or Luck()).whole


def _stratified(patients: int, folds: int, rng: Generator) -> np.ndarray:
    place = np.empty(patients, int)
    for kind in (0, 1):
        members = rng.permutation(np.arange(kind, patients, 2))
        place[members] = np.arange(len(members)) % folds
    return place


def _pick(among: np.ndarray, count: int, rng: Generator) -> np.ndarray:
    """Half of each class."""
    halves = [rng.permutation(among[among % 2 == kind])[: (count + kind) // 2] for kind in (0, 1)]
    return np.sort(np.concatenate(halves))
