"""What watches a training for one way of going wrong.

To add one: a file here with a class that satisfies `Monitor`, and one line in
`registry.MONITORS`; the contract tests run it. A monitor is a function of the history alone, so
that an interrupted training finds what an uninterrupted one does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

Row = Mapping[str, float]


class Monitor(Protocol):
    """Watches for one failure mode."""

    def __call__(self, history: Sequence[Row]) -> str | None:
        """Say what is wrong and what to try, or nothing.

        Args:
            history: One row every few steps, oldest first: `step`, the terms of every phase,
                `gradient_<network>` (the largest norm since the last row), `d_real` and
                `d_fake` (mean sigmoid of the discriminator's logits) where there are any.
        """
