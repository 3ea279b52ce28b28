"""First-order statistics: how intensities are distributed, whatever their places.

Names are pyradiomics' (van Griethuysen et al. 2017, Cancer Research 77(21)), definitions those of
the IBSI's sections 3.3 and 3.4; where they differ, as for kurtosis, which is in excess of a normal
distribution's here, the IBSI's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.fidelity.descriptors.levels import discretise, entropy


def first_order(values: NDArray[Any], *, bins: int) -> dict[str, NDArray[np.float64]]:
    """Summarise intensities.

    Args:
        values: (N, P), the P pixels of each of N images, in [-1, 1].
        bins: Grey levels of what is of the histogram, entropy and uniformity.

    Returns:
        Figures by name, (N,) each.
    """
    x = np.asarray(values, np.float64)
    low, p10, p25, p50, p75, p90, high = np.percentile(x, (0, 10, 25, 50, 75, 90, 100), axis=1)
    mean = x.mean(1)
    shares = _histogram(discretise(x, bins), bins) / x.shape[1]
    return {
        "Energy": (x**2).sum(1),
        "RootMeanSquared": np.sqrt((x**2).mean(1)),
        "Mean": mean,
        "Minimum": low,
        "10Percentile": p10,
        "Median": p50,
        "90Percentile": p90,
        "Maximum": high,
        "InterquartileRange": p75 - p25,
        "Range": high - low,
        "MeanAbsoluteDeviation": np.abs(x - mean[:, None]).mean(1),
        "RobustMeanAbsoluteDeviation": _robust(x, p10[:, None], p90[:, None]),
        **_moments(x, mean),
        "Entropy": entropy(shares),
        "Uniformity": (shares**2).sum(1),
    }


def _moments(x: NDArray[np.float64], mean: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Spread, skewness and excess kurtosis; the latter two 0 where all pixels are equal."""
    centred = x - mean[:, None]
    variance = (centred**2).mean(1)
    varies = variance > 1e-12
    spread = np.sqrt(np.where(varies, variance, 1.0))
    skewness = (centred**3).mean(1) / spread**3
    kurtosis = (centred**4).mean(1) / spread**4 - 3.0
    return {
        "StandardDeviation": np.sqrt(variance),
        "Skewness": np.where(varies, skewness, 0.0),
        "Kurtosis": np.where(varies, kurtosis, 0.0),
    }


def _robust(
    x: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean absolute deviation of the values between two percentiles, those included."""
    kept = (x >= low) & (x <= high)
    count = kept.sum(1)
    mean = np.where(kept, x, 0.0).sum(1) / count
    deviation: NDArray[np.float64] = np.where(kept, np.abs(x - mean[:, None]), 0.0).sum(1) / count
    return deviation


def _histogram(levels: NDArray[np.int64], bins: int) -> NDArray[np.int64]:
    """(N, P) levels -> (N, bins) counts."""
    rows = np.arange(len(levels))[:, None] * bins
    counts = np.bincount((rows + levels - 1).ravel(), minlength=len(levels) * bins)
    return counts.reshape(len(levels), bins)
