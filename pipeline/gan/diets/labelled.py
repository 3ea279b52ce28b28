"""Images with their class indices: the diet of families that make images from noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator

from pipeline.gan.diets.diet import Carried, Offer
from pipeline.gan.diets.feed import Feed
from pipeline.gan.family import Batch, TrainingOptions
from pipeline.imageset import ImageSet


class Labelled:
    """Batches of `labels` and `images`; an offer is a class index alone."""

    needs: ClassVar[str] = ""
    sees_others: ClassVar[bool] = False
    facts: Mapping[str, Any] = {}
    words = 0

    def __init__(
        self, images: ImageSet, labels: NDArray[np.int64], options: TrainingOptions, device: str
    ) -> None:
        """Take the training rows."""
        self._feed = Feed(images, labels, options, device)
        self._device = device

    def draw(self, rng: Generator) -> Batch:
        """Draw a training batch."""
        return self._feed.draw(rng)

    def offer(self, label: int, rng: Generator) -> Offer:
        """Give the class index."""
        return Classes(self._device).offer(label, rng)

    def carried(self) -> Carried:
        """Nothing of the rows."""
        return Carried()

    @staticmethod
    def offers(carried: Carried, device: str) -> Classes:  # noqa: ARG004
        """Offer class indices."""
        return Classes(device)


class Classes:
    """Offers of a class index and nothing else.

    Args:
        device: Where they go.
    """

    def __init__(self, device: str) -> None:
        self._device = device

    def offer(self, label: int, rng: Generator) -> Offer:  # noqa: ARG002
        """Give the class index."""
        return Offer(Batch(torch.tensor([label], device=self._device)))
