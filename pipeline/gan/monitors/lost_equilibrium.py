"""A discriminator that has won or given up, so that the generator learns nothing from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pipeline.gan.monitors.monitor import Row

_ROWS = 8
_WON = 0.97
_BLIND = 0.002


class LostEquilibrium:
    """D(x) and D(G(z)) far apart, or equal, over a stretch of the history."""

    action: ClassVar[str] = "warn"

    def __call__(self, history: Sequence[Row]) -> str | None:
        """Say which side has lost, once it has lasted for eight rows."""
        rows = [row for row in history if "d_real" in row and "d_fake" in row][-_ROWS:]
        if len(rows) < _ROWS:
            return None
        gaps = [row["d_real"] - row["d_fake"] for row in rows]
        if min(gaps) > _WON:
            return (
                "the discriminator tells real from generated images without a doubt; add "
                "augmentation, raise r1_gamma or lower the discriminator's learning rate"
            )
        if max(abs(gap) for gap in gaps) < _BLIND:
            return (
                "the discriminator tells real from generated images no better than a coin; lower "
                "r1_gamma, or raise the discriminator's learning rate or ndf"
            )
        return None
