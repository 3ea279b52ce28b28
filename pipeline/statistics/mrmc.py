"""The test of a difference measured on several draws of training patients.

Each draw trains on patients of its own, while the patients of the test parts come again, so the
draws are no independent observations. It is the design of several readers who read the same cases,
with draws as readers: luck in training and luck in testing are told apart and both are counted.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from pipeline.statistics.paired import Paired

NAME = "mrmc"


def mrmc(
    differences: ArrayLike, moves: ArrayLike, overlap: float = 0.0, confidence: float = 0.95
) -> Paired:
    """Test whether the mean difference over training draws is zero, for new patients of both parts.

    The difference of draw d is mu + t_d + e_d: t_d from who was trained on, e_d from who was
    tested. Between draws e has the covariance C, estimated by the jackknife over patients, and t
    the correlation rho. With s^2 the variance of the D differences, the variance of their mean is

        s^2 (1 / D + rho / (1 - rho)) + max(C, 0),

    of which only the first term is estimated from D values: the degrees of freedom are D - 1 times
    the squared ratio of the whole to it. t is a mean over training patients to first order, so rho
    is the share of them that two draws have in common; as further luck (seeds) is not shared, that
    is rather too much than too little.

    Args:
        differences: (D,) one a draw, seeds averaged; at least two.
        moves: (D, G) how far each moves as each test group is left out (`jackknife_moves`), 0
            where a draw does not test the group.
        overlap: rho, the mean share of training groups that two draws have in common
            (`training_overlap`).
        confidence: Two-sided coverage of the interval.

    Raises:
        ValueError: With fewer than two draws, or if all were trained on the same patients.

    Source: Obuchowski and Rockette 1995, doi:10.1080/03610919508813243; degrees of freedom: Hillis
    2007, doi:10.1002/sim.2532; overlapping training sets: the argument of Nadeau and Bengio 2003,
    doi:10.1023/A:1024068626366, section 3, with the overlap that there is instead of n_test and
    n_train.
    """
    values, moved = np.asarray(differences, np.float64), np.asarray(moves, np.float64)
    count = len(values)
    if count < 2:
        raise ValueError(f"a test over training draws needs at least two, got {count}")
    if overlap >= 1:
        raise ValueError("all draws were trained on the same patients")
    trained = float(values.var(ddof=1)) * (1 / count + overlap / (1 - overlap))
    tested = max(_covariance(moved), 0.0)
    whole = trained + tested
    df = (count - 1) * (whole / trained) ** 2 if trained > 0 else np.inf
    return Paired.from_error(NAME, float(values.mean()), float(np.sqrt(whole)), df, confidence)


def training_overlap(training: Sequence[Set[str]]) -> float:
    """The mean over pairs of draws of the share of training groups that both have.

    Args:
        training: For each draw, the groups it was trained on.

    Returns:
        The number in common over the geometric mean of the two numbers, the correlation of two
        means over them; 0 with fewer than two draws.
    """
    shares = [
        len(first & second) / max(np.sqrt(len(first) * len(second)), 1.0)
        for first, second in combinations(training, 2)
    ]
    return float(np.mean(shares)) if shares else 0.0


def _covariance(moves: np.ndarray) -> float:
    """Mean over pairs of draws of the products summed over groups."""
    count = len(moves)
    pairs = float((moves.sum(axis=0) ** 2).sum() - (moves**2).sum())
    return pairs / (count * (count - 1))
