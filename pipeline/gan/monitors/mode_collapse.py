"""A generator that makes the same few images again and again, class by class.

Measured by the diversity of samples: their mean distance from one another, over that of training
rows of the class. Samples that differ less than a third as much as patients do are useless for
training a classifier, whatever each looks like. Young generators have yet to learn what differs,
so that it has to be so at two looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pipeline.gan.monitors.monitor import Row

_FEWEST = 0.3
_LOOKS = 2
_FIGURE = "diversity_"


class ModeCollapse:
    """Samples of a class that differ less than a third as much as real images, at two looks."""

    action: ClassVar[str] = "warn"

    def __call__(self, history: Sequence[Row]) -> str | None:
        """Say which classes have collapsed, by the index that the model counts them with."""
        looks = [row for row in history if any(name.startswith(_FIGURE) for name in row)][-_LOOKS:]
        if len(looks) < _LOOKS:
            return None
        collapsed = [
            f"class {name.removeprefix(_FIGURE)} ({value:.0%})"
            for name, value in looks[-1].items()
            if name.startswith(_FIGURE) and max(look.get(name, 1.0) for look in looks) < _FEWEST
        ]
        if not collapsed:
            return None
        return (
            f"samples of {', '.join(collapsed)} hardly differ, measured by how much real images "
            "do; lower learning_rate, raise r1_gamma, add to augmentation, raise batch or latent, "
            "or try the family wgan_gp"
        )
