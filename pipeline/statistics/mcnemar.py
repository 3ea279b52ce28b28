"""Tests of two accuracies on the same images."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, norm

from pipeline.statistics.paired import ROUNDING, Paired


def mcnemar(
    correct: ArrayLike, correct_against: ArrayLike, confidence: float = 0.95, *, mid_p: bool = True
) -> Paired:
    """Test two accuracies on independent images, one an image and patient.

    Only images that exactly one arm gets right speak: b by the arm, c by the other. Under no
    difference, b is binomial(b + c, 1/2).

    Args:
        correct: (N,) booleans, the arm's.
        correct_against: (N,) booleans, of the arm it is held against.
        confidence: Two-sided coverage of the interval.
        mid_p: Count half of the observed outcome's probability, which mends the exact test's
            conservatism; else the exact conditional test.

    Source: McNemar 1947, doi:10.1007/BF02295996; mid-p: Fagerland, Lydersen and Laake 2013,
    doi:10.1186/1471-2288-13-91; interval: Bonett and Price 2012, doi:10.3102/1076998611411915.
    """
    first, second = _booleans(correct, correct_against)
    total = len(first)
    b, c = int((first & ~second).sum()), int((~first & second).sum())
    p = 2 * float(binom.cdf(min(b, c), b + c, 0.5))
    if mid_p:
        p -= float(binom.pmf(min(b, c), b + c, 0.5))
    share, share_against = (b + 1) / (total + 2), (c + 1) / (total + 2)
    centre = share - share_against
    spread = math.sqrt((share + share_against - centre**2) / (total + 2))
    half = float(norm.isf((1 - confidence) / 2)) * spread
    name = "mcnemar_mid_p" if mid_p else "mcnemar_exact"
    low, high = max(-1.0, centre - half), min(1.0, centre + half)
    return Paired(name, (b - c) / total, low, high, min(1.0, p), spread)


def mcnemar_clustered(
    correct: ArrayLike, correct_against: ArrayLike, groups: ArrayLike, confidence: float = 0.95
) -> Paired:
    """Test two accuracies where a patient has several images.

    With d_k = b_k - c_k in group k, sum(d)^2 / sum(d^2) is chi-squared with one degree of
    freedom under no difference. With one image a group it is McNemar's own (b - c)^2 / (b + c).

    Args:
        correct: (N,) booleans, the arm's.
        correct_against: (N,) booleans, of the arm it is held against.
        groups: (N,) group indices, 0-based.
        confidence: Two-sided coverage of the interval.

    Source: Yang, Sun and Hardin 2010, doi:10.1002/bimj.201000035. The interval is the
    cluster-robust one of a ratio of sums; Cochran 1977, section 6.3.
    """
    first, second = _booleans(correct, correct_against)
    index = np.asarray(groups, np.int64)
    gains = np.bincount(index, weights=first.astype(float) - second.astype(float))
    sizes = np.bincount(index)
    difference = float(gains.sum() / sizes.sum())
    null = math.sqrt(float((gains**2).sum()))
    p = 2 * float(norm.sf(abs(float(gains.sum())) / null)) if null else 1.0
    present = int((sizes > 0).sum())
    residual = float(((gains - difference * sizes) ** 2).sum())
    error = math.sqrt(residual * present / max(present - 1, 1)) / float(sizes.sum())
    if error <= ROUNDING:
        return Paired("mcnemar_clustered", difference, math.nan, math.nan, p, 0.0)
    half = float(norm.isf((1 - confidence) / 2)) * error
    low, high = difference - half, difference + half
    return Paired("mcnemar_clustered", difference, low, high, p, error)


def _booleans(
    correct: ArrayLike, correct_against: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    first, second = np.asarray(correct, bool), np.asarray(correct_against, bool)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ValueError(
            f"need two equally long rows of outcomes, got {first.shape} and {second.shape}"
        )
    return first, second
