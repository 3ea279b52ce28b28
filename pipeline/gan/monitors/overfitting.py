"""A discriminator that knows its training images by heart instead of what makes them real.

What it then tells the generator is how to come near those few images. It is asked about training
and validation rows alike, and compared by ranks: how often a training row seems more real to it
than a validation row of the class. That is one half where it learnt nothing by heart, whatever its
loss makes of logits, and one where it knows every image.

In the spirit of Karras et al. 2020, arXiv:2006.06676, section 3, whose r_v compares means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pipeline.gan.monitors.monitor import Row, lately

_KNOWN = 0.9
_LOOKS = 2


class Overfitting:
    """Training rows seem more real than validation rows, nine times of ten, at two looks."""

    action: ClassVar[str] = "warn"

    def __call__(self, history: Sequence[Row]) -> str | None:
        """Say how well the discriminator knows the training images."""
        known = lately(history, "d_memory", _LOOKS)
        if not known or min(known) <= _KNOWN:
            return None
        return (
            f"the discriminator takes a training image for more real than a validation image in "
            f"{known[-1]:.0%} of cases, so that it knows them by heart; set copies or mirror to "
            "true, add to augmentation, set adaptive_target to 0.6, or use fewer steps"
        )
