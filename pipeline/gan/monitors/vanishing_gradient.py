"""A generator that is hardly told any more where to go, because the discriminator is sure.

With the minimax loss the generator's gradient has the factor D(G(z)), which goes to nothing when
the discriminator recognises everything (Goodfellow et al. 2014, arXiv:1406.2661, section 3;
Arjovsky and Bottou 2017, arXiv:1701.04862, theorem 2.4). A gradient that grows small while the
discriminator is undecided is something else: a game that nears its equilibrium.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pipeline.gan.monitors.monitor import Row, lately

_ROWS = 5
_SURE = 0.95
_SMALL = 0.02


class VanishingGradient:
    """A generator's gradient at a fiftieth of what it was, over five rows of a sure D."""

    action: ClassVar[str] = "warn"

    def __call__(self, history: Sequence[Row]) -> str | None:
        """Say whose gradient has vanished."""
        right = lately(history, "d_accuracy", _ROWS)
        if not right or min(right) < _SURE:
            return None
        for name in history[-1]:
            if not name.startswith("gradient_") or "discriminator" in name:
                continue
            norms = lately(history, name, len(history))
            before, now = norms[:-_ROWS], norms[-_ROWS:]
            if before and max(now) < _SMALL * max(before):
                return (
                    f"the {name.removeprefix('gradient_')}'s gradient has fallen to "
                    f"{max(now) / max(before):.2%} of what it was, while the discriminator is "
                    f"right in {right[-1]:.0%} of cases; set loss to non_saturating, raise "
                    "r1_gamma or instance_noise, or lower learning_rates.discriminator"
                )
        return None
