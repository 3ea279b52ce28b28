"""What every paired test returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paired:
    """The difference between two arms on the same test images.

    Args:
        test: The test's name, as written in comparison.json.
        difference: The arm minus the one it is held against.
        low: Lower bound of the two-sided interval for the difference.
        high: Upper bound.
        p: Two-sided p-value of no difference, uncorrected.
    """

    test: str
    difference: float
    low: float
    high: float
    p: float
