"""Seeded training batches from an ImageSet.

Draws are with replacement, so that the state of a feed is its generator's and nothing more: that
is what lets an interrupted training continue with the very batches it would have seen.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pipeline.gan.family import Batch
from pipeline.imageset import ImageSet

IN_MEMORY_BYTES = 2**31
_LAYOUTS = {4: torch.channels_last, 5: torch.contiguous_format}


class Feed:
    """Draws batches of one training set.

    Args:
        images: The training rows.
        labels: (N,) class indices as the family counts them (all 0 with one model per class).
        batch: Images a batch.
        balanced: Draw classes equally often, instead of as they come.
        mirror: Mirror each image along each axis with probability one half.
        device: Where batches go; the whole set as well, where it fits.
    """

    def __init__(
        self,
        images: ImageSet,
        labels: NDArray[np.int64],
        *,
        batch: int,
        balanced: bool,
        mirror: bool = False,
        device: str,
    ) -> None:
        self._set = images
        self._labels = torch.tensor(labels)
        self._batch = batch
        self._mirror = mirror
        self._device = device
        self._members = [
            torch.from_numpy(np.flatnonzero(labels == label))
            for label in (np.unique(labels) if balanced else [])
        ]
        size = 4 * len(images) * int(np.prod(images.shape))
        self._held: Tensor | None = None
        if size <= IN_MEMORY_BYTES:
            self._held = self._to_device(images.scaled())

    def draw(self, rng: Generator) -> Batch:
        """Draw a batch, with replacement.

        Args:
            rng: On the CPU.
        """
        rows = self._rows(rng)
        labels = self._labels[rows].to(self._device)
        if self._held is not None:
            images = self._held[rows.to(self._device)]
        else:
            images = self._to_device(self._set.scaled(rows.numpy()))
        return Batch(labels, self._mirrored(images, rng) if self._mirror else images)

    def _rows(self, rng: Generator) -> Tensor:
        if not self._members:
            return torch.randint(len(self._labels), (self._batch,), generator=rng)
        classes = torch.randint(len(self._members), (self._batch,), generator=rng)
        places = torch.rand(self._batch, generator=rng, dtype=torch.float64)
        rows = [
            self._members[label][int(place * len(self._members[label]))]
            for label, place in zip(classes.tolist(), places.tolist(), strict=True)
        ]
        return torch.stack(rows)

    def _mirrored(self, images: Tensor, rng: Generator) -> Tensor:
        for axis in range(2, images.ndim):
            coins = torch.rand(len(images), generator=rng) < 0.5
            chosen = coins.to(self._device).reshape(-1, *[1] * (images.ndim - 1))
            images = torch.where(chosen, images.flip(axis), images)
        return images

    def _to_device(self, scaled: NDArray[np.float32]) -> Tensor:
        images = torch.from_numpy(scaled).to(self._device)
        # Convolutions of small 2D images are a third faster with channels last.
        return images.contiguous(memory_format=_LAYOUTS[images.ndim])
