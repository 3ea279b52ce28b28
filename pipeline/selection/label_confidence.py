"""Does an image show the class that it was asked for?

Two that were fitted on the training rows vote: the fold's network, and a regularised logistic
regression on features that nothing was trained for. A network that learnt a few dozen rows by
heart is sure of everything; the mean with a voter of another kind is not.

The idea is Xue et al. 2021, Selective synthetic augmentation with HistoGAN, Medical Image
Analysis 67, with two kinds of model in the place of dropout's draws of one.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.selection.criterion import EMBEDDING, Classify, Ground, Seen

_SPACE = "texture"
_STRENGTH = 0.01  # of the data against the penalty: a hundred features, a few dozen rows
_LEAST = 1e-3  # above zero, which would refuse


class LabelConfidence:
    """Probability of the requested class against the likeliest other.

    Args:
        network: The fold's network.
        regression: Fitted on the training rows' features, or None where they are of one class.
    """

    def __init__(self, network: Classify, regression: Any | None) -> None:
        self._network = network
        self._regression = regression

    @classmethod
    def fit(cls, ground: Ground) -> Self:
        """Fit the regression; classes weigh the same."""
        from sklearn.linear_model import LogisticRegression

        labels = ground.training.labels
        if len(np.unique(labels)) < 2:
            return cls(ground.classify, None)
        regression = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=1000)
        return cls(ground.classify, regression.fit(ground.training.features[_SPACE], labels))

    def __call__(self, seen: Seen) -> NDArray[np.float64]:
        """Score p / (p + q), p of the requested class and q of the likeliest other."""
        probabilities = self._probabilities(seen)
        if probabilities.shape[1] == 1:
            return np.ones(len(probabilities))
        rows = np.arange(len(probabilities))
        asked = probabilities[rows, seen.labels]
        others = probabilities.copy()
        others[rows, seen.labels] = 0.0
        share: NDArray[np.float64] = asked / (asked + others.max(1))
        return np.maximum(share, _LEAST)

    def _probabilities(self, seen: Seen) -> NDArray[np.float64]:
        """Mean of the voters, (n, K)."""
        voted = self._network(seen.features[EMBEDDING])
        if self._regression is None:
            return voted
        own = np.zeros((len(seen.labels), voted.shape[1]))
        own[:, self._regression.classes_] = self._regression.predict_proba(seen.features[_SPACE])
        return (voted + own) / 2.0
