"""Losses or gradients that grow out of proportion, long before they overflow."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import ClassVar

from pipeline.gan.monitors.monitor import Row

_ROWS = 10
_FACTOR = 100.0


class Exploding:
    """A gradient norm a hundred times what is usual in the training so far."""

    action: ClassVar[str] = "roll_back"

    def __call__(self, history: Sequence[Row]) -> str | None:
        """Say which network's gradient exploded; needs ten of its rows to know what is usual."""
        if not history:
            return None
        for name, value in history[-1].items():
            before = [row[name] for row in history[:-1] if name in row]
            if not name.startswith("gradient_") or len(before) < _ROWS:
                continue
            usual = median(before)
            if value > _FACTOR * max(usual, 1e-6):
                network = name.removeprefix("gradient_")
                return (
                    f"the {network}'s gradient is {value / max(usual, 1e-6):.0f} times its usual "
                    "size; lower learning_rate, or set clip"
                )
        return None
