"""A generator that makes its training images again.

A sample counts as near when it lies nearer to a training row than the nearest twentieth of the
validation rows do, of which a generator that copies nothing makes five per cent by chance. How
much more is a matter of how many samples and rows were looked at: the examination gives the share
that chance alone exceeds once in a thousand looks. A generator that is good but keeps to what is
common comes somewhat nearer than validation rows do without copying any; half of all samples is
far beyond that. It is a warning by default, since where patients are very few every useful sample
is near to one of them, and copies are looked for again before anything is used; `stop` is for
those who publish weights or images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pipeline.gan.monitors.monitor import Row, lately

_EXPECTED = 0.05
_MANY = 0.5


class Copying:
    """Half of the samples, and more than chance allows, lie suspiciously near to training rows."""

    action: ClassVar[str] = "warn"

    def __call__(self, history: Sequence[Row]) -> str | None:
        """Say how many samples are near to training images."""
        near = lately(history, "near_training", 1)
        limit = lately(history, "near_training_limit", 1)
        if not near or not limit or near[0] <= max(limit[0], _MANY):
            return None
        return (
            f"{near[0]:.0%} of the samples lie nearer to training images than held-out images do, "
            f"where {_EXPECTED:.0%} are expected, so that patients may be copied; set copies or "
            "mirror to true, add to augmentation, use fewer steps, or train on more images"
        )
