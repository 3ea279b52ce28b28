"""Features in units of the training rows' spread, so that none counts more for its unit alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SAME = 1e-9


@dataclass(frozen=True)
class Standard:
    """What features are like in the training rows.

    Args:
        mean: (D,).
        spread: (D,) standard deviations; 1 for a feature that does not vary there.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, features: NDArray[np.float64]) -> Standard:
        """Learn from the training rows' features, (N, D)."""
        mean, spread = features.mean(0), features.std(0)
        varies = spread > _SAME * np.maximum(np.abs(mean), 1.0)
        return cls(mean, np.where(varies, spread, 1.0))

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardise (N, D)."""
        result: NDArray[np.float64] = (features - self.mean) / self.spread
        return result
