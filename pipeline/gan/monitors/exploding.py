"""Gradients or losses that grow out of proportion, or are no numbers at all.

One steep batch is none of it: Adam divides it by its size, and `clip` cuts it. What counts lasts
for two rows, keeps the weights from being changed, or is beyond what any network in order gives.
Where nothing finite is left at all, the training loop does not wait for the next row; what it then
finds has this monitor's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import ClassVar

from pipeline.gan.monitors.monitor import Row

_ROWS = 10
_LASTING = 2
_FACTOR = 100.0
# Gradients and losses below this are no explosion, however small they were before.
_LARGE = 10.0
_ABSURD = 1e6
_SKIPPED = 0.5


class Exploding:
    """A gradient or a loss a hundred times what is usual so far, or steps that are not finite."""

    action: ClassVar[str] = "roll_back"

    def __call__(self, history: Sequence[Row]) -> str | None:
        """Say what exploded; beside what is absurd, what is usual takes ten rows to know."""
        # In half precision a few steps are left out at first, until their scale is found.
        if len(history) >= _ROWS and all(
            row.get("skipped", 0.0) > _SKIPPED for row in history[-_ROWS:]
        ):
            return (
                f"{history[-1]['skipped']:.0%} of the optimiser steps are left out, their loss or "
                "gradient not being finite; lower learning_rate, or set compute.precision to fp32"
            )
        for name in history[-1] if history else ():
            kind, _, whose = name.partition("_")
            if kind not in ("gradient", "loss"):
                continue
            values = [abs(row[name]) for row in history if name in row]
            if values[-1] > _ABSURD:
                return (
                    f"the {whose}'s {kind} has grown to {values[-1]:.0e}; lower learning_rate, or "
                    "set clip"
                )
            before, now = values[:-_LASTING], values[-_LASTING:]
            if len(before) < _ROWS:
                continue
            usual = max(median(before), _LARGE / _FACTOR)
            if min(now) > _FACTOR * usual:
                return (
                    f"the {whose}'s {kind} is {now[-1] / usual:.0f} times its usual size; lower "
                    "learning_rate, or set clip"
                )
        return None
