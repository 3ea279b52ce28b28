"""The score interval of a proportion."""

from __future__ import annotations

import math

from scipy.stats import norm


def wilson(hits: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a proportion that stays inside [0, 1] and has width even at 0 and 1.

    Args:
        hits: Successes among the trials; need not be whole.
        trials: Independent trials: patients, where images of one patient resemble each other.
        confidence: Two-sided coverage.

    Returns:
        Lower and upper bound; (0, 1) without trials.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    if trials <= 0:
        return 0.0, 1.0
    z = float(norm.isf((1 - confidence) / 2))
    share = hits / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    spread = math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    half = z * spread / (1 + z**2 / trials)
    # Exactly, where rounding would leave a trace.
    low = 0.0 if hits <= 0 else max(0.0, centre - half)
    return low, 1.0 if hits >= trials else min(1.0, centre + half)
