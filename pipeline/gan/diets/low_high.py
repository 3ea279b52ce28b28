"""Images beside reduced versions of themselves: the diet of super-resolution.

What is refined when sampling is a classical copy of a training image of the asked class. Reducing
it takes with the fine detail the blur of the interpolation that turned and stretched it, and a
network that has learnt from real images alone puts a sharp one back: a new view of the lesion.
Where a class has no copies, a real image is mirrored instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator

from pipeline.gan.diets.diet import Offer
from pipeline.gan.diets.feed import Feed
from pipeline.gan.family import Batch, Mirror, TrainingOptions
from pipeline.gan.networks.resizing import reductions, resize
from pipeline.imageset import ImageSet


class LowHighOptions(TrainingOptions):
    """What can be chosen about the reduced versions.

    Attributes:
        copies: Whether classical copies are among the rows, to be offered when sampling.
        factor: How many pixels along an axis become one.
        real_targets: Learn from the real rows alone, though copies are offered: interpolation has
            blurred the copies, and a network that learns from them learns to blur.
    """

    copies: bool = True
    mirror: Mirror = True
    factor: Literal[2, 4] = 4
    real_targets: bool = True


class LowHigh:
    """Batches of `labels`, `images` and `extra["low"]`, (N, C, *reduced).

    The image of an offer is its reduced version, shown at full size in blocks.
    """

    needs: ClassVar[str] = "images of the class"
    sees_others: ClassVar[bool] = False
    facts: Mapping[str, Any] = {}
    words = 0

    def __init__(
        self, images: ImageSet, labels: NDArray[np.int64], options: LowHighOptions, device: str
    ) -> None:
        """Take the training rows."""
        real = images.manifest["origin"].eq("real").to_numpy(bool)
        mirrored = options.model_copy(update={"mirror": options.mirror or True})
        self._real = Feed(images.take(real), labels[real], mirrored, device)
        self._views = Feed(images.take(~real), labels[~real], options, device)
        self._copied = set(labels[~real].tolist())
        learnt = real | (not options.real_targets)
        self._feed = Feed(images.take(learnt), labels[learnt], options, device)
        self._size = images.shape[1:]
        self._factor = options.factor
        self._device = device
        self._matrices = [each.to(device) for each in reductions(self._size, self._factor)]

    def draw(self, rng: Generator) -> Batch:
        """Draw a training batch."""
        batch = self._feed.draw(rng)
        assert batch.images is not None
        return Batch(batch.labels, batch.images, extra={"low": self._reduced(batch.images)})

    def offer(self, label: int, rng: Generator) -> Offer:
        """Reduce a classical copy of a row of the class, or a mirrored row."""
        feed = self._views if label in self._copied else self._real
        pick = feed.pick(rng, 1, label)
        low = self._reduced(feed.images(pick))
        return Offer(
            Batch(feed.labels(pick), self._in_blocks(low), extra={"low": low}), feed.parents(pick)
        )

    def _reduced(self, images: torch.Tensor) -> torch.Tensor:
        # Cubic interpolation overshoots at edges, beyond what an image can hold.
        return resize(images, self._matrices).clamp(-1.0, 1.0)

    def _in_blocks(self, low: torch.Tensor) -> torch.Tensor:
        for axis, length in enumerate(self._size, start=2):
            low = low.repeat_interleave(self._factor, dim=axis).narrow(axis, 0, length)
        return low
