"""A discriminator that has won or given up, so that the generator learns nothing from it.

In equilibrium D(x), D(G(z)) and the share of images that it judges rightly are one half (Goodfellow
et al. 2014, arXiv:1406.2661, proposition 1); a game that is going well stays between that and a
discriminator with a moderate lead. Victory is told by the share of right answers, since label
smoothing keeps D(x) below one, hinge and least-squares logits stop growing at their margin, and a
Wasserstein critic, which is to win, has no such share. A discriminator that has given up says the
same of every image. Either may pass within a few rows, above all at the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pipeline.gan.monitors.monitor import Row, lately

_ROWS = 15
_WON = 0.98
_BLIND = 0.002


class LostEquilibrium:
    """The discriminator always right, or undecided about everything, over fifteen rows."""

    action: ClassVar[str] = "warn"

    def __call__(self, history: Sequence[Row]) -> str | None:
        """Say which side has lost, once it has lasted for about a quarter of a training."""
        right = lately(history, "d_accuracy", _ROWS)
        real, fake = (lately(history, figure, _ROWS) for figure in ("d_real", "d_fake"))
        if not right or not real or not fake:
            return None
        against = f"D(x) is {real[-1]:.2f} and D(G(z)) {fake[-1]:.2f}, both 0.5 in equilibrium"
        if min(right) > _WON:
            return (
                f"the discriminator tells real from generated images in {right[-1]:.0%} of cases "
                f"({against}); add to augmentation, raise r1_gamma or instance_noise, or lower "
                "learning_rates.discriminator or ndf"
            )
        if max(abs(x - g) for x, g in zip(real, fake, strict=True)) < _BLIND:
            return (
                f"the discriminator says the same of real and generated images ({against}); lower "
                "r1_gamma, or raise learning_rates.discriminator, discriminator_steps or ndf"
            )
        return None
