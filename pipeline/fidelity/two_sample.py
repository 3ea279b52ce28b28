"""Classifier two-sample test: can a classifier tell generated images from real ones?

A linear classifier learns from half of the features which are real and which are generated, and is
asked about the other half. Its accuracy is 1/2 where both come from one distribution; then the
number of right answers among n is binomial, (n, 1/2), and p is the chance of as many or more. Among
few images it sees more than nearest neighbours do, but only what moves a feature's mean.
Source: Lopez-Paz and Oquab 2017, arXiv:1610.06545, section 3. The classifier is regularised least
squares: the weights w that are least in |X w - y|^2 + |w|^2 on features X standardised by the half
that is learnt from, y of -1 for real and 1 for generated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

_PENALTY = 1.0
_SAME = 1e-12


def two_sample(
    reference: NDArray[Any], candidate: NDArray[Any], *, neighbours: int = 0
) -> dict[str, float]:
    """Test whether two sets of features come from one distribution.

    Args:
        reference: Features of real images in random order, (n, D), n > 1.
        candidate: Features of the images under test in random order, (m, D), m > 1; of the larger
            set, the first min(n, m) are used.
        neighbours: Not used; part of every metric's signature.

    Returns:
        `c2st_accuracy`; `c2st_p`. Averaged over subsets, twice the mean of p is a p-value, however
        the subsets overlap (Vovk and Wang 2020, arXiv:1212.4966).
    """
    del neighbours
    count = min(len(reference), len(candidate))
    learnt = count // 2
    parts = (np.asarray(reference, np.float64)[:count], np.asarray(candidate, np.float64)[:count])
    known = np.concatenate([part[:learnt] for part in parts])
    asked = np.concatenate([part[learnt:] for part in parts])
    mean, spread = known.mean(0), known.std(0)
    spread = np.where(spread > _SAME, spread, 1.0)
    weights = _least_squares((known - mean) / spread, np.repeat([-1.0, 1.0], learnt))
    called = (asked - mean) / spread @ weights > 0
    truth = np.repeat([False, True], count - learnt)
    hits = int((called == truth).sum())
    return {
        "c2st_accuracy": hits / len(truth),
        "c2st_p": float(bdtrc(hits - 1, len(truth), 0.5)) if hits else 1.0,
    }


def _least_squares(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve in as many unknowns as there are images or features, whichever are fewer."""
    images, features = x.shape
    if features <= images:
        return _solved(x.T @ x, x.T @ y)
    weights: NDArray[np.float64] = x.T @ _solved(x @ x.T, y)
    return weights


def _solved(products: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(
        np.linalg.solve(products + _PENALTY * np.eye(len(products)), right), np.float64
    )
