"""Seeded draws of training rows from an ImageSet, from which diets make their batches.

Draws are with replacement, so that the state of a feed is its generator's and nothing more: that
is what lets an interrupted training continue with the very batches it would have seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pipeline.errors import ParameterError
from pipeline.gan.family import Batch, Mirror, TrainingOptions
from pipeline.imageset import ImageSet

IN_MEMORY_BYTES = 2**31
_LAYOUTS = {4: torch.channels_last, 5: torch.contiguous_format}


@dataclass(frozen=True)
class Pick:
    """Rows that were drawn, and how each is mirrored and turned.

    Args:
        rows: (N,) positions in the set, on the CPU.
        mirrored: By spatial axis, (N,) booleans on the CPU; empty without mirroring.
        turned: By the two spatial axes of a plane, (N,) quarter turns in it, 0 to 3, on the CPU;
            empty without turning.
    """

    rows: Tensor
    mirrored: Mapping[int, Tensor] = field(default_factory=dict)
    turned: Mapping[tuple[int, int], Tensor] = field(default_factory=dict)


def mirrored_axes(mirror: Mirror, spatial_dims: int) -> tuple[int, ...]:
    """The spatial axes that `mirror` names.

    Raises:
        ParameterError: If images have no such axis.
    """
    if isinstance(mirror, bool):
        return tuple(range(spatial_dims)) if mirror else ()
    if not set(mirror) <= set(range(spatial_dims)):
        raise ParameterError(
            "train_gan.options.<family>.mirror",
            f"got {list(mirror)}; the images' spatial axes are {list(range(spatial_dims))}",
        )
    return mirror


def square_planes(size: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """The pairs of spatial axes of images of this size in which a quarter turn keeps the size."""
    pairs = combinations(range(len(size)), 2)
    return tuple((first, second) for first, second in pairs if size[first] == size[second])


class Feed:
    """Draws rows of one training set and reads what belongs to them.

    Args:
        images: The training rows.
        labels: (N,) class indices as the family counts them (all 0 with one model per class).
        options: `batch`, `balanced`, `mirror` and `turn` are read here.
        device: Where batches go; the whole set as well, where it fits.
    """

    def __init__(
        self, images: ImageSet, labels: NDArray[np.int64], options: TrainingOptions, device: str
    ) -> None:
        self.set = images
        self._labels = torch.tensor(labels)
        self._options = options
        self._device = device
        self._axes = mirrored_axes(options.mirror, images.spatial_dims)
        self._planes = square_planes(images.shape[1:]) if options.turn else ()
        self._members = {
            int(label): torch.from_numpy(np.flatnonzero(labels == label))
            for label in np.unique(labels)
        }

    def draw(self, rng: Generator) -> Batch:
        """Draw a batch of labels and images, with replacement.

        Args:
            rng: On the CPU.
        """
        pick = self.pick(rng)
        return Batch(self.labels(pick), self.images(pick))

    def pick(self, rng: Generator, count: int | None = None, label: int | None = None) -> Pick:
        """Draw rows, with replacement.

        Args:
            rng: On the CPU.
            count: How many; the options' batch by default.
            label: Of this class alone; otherwise of all, balanced where the options say so.
        """
        count = self._options.batch if count is None else count
        if label is not None:
            members = self._members[label]
            rows = members[torch.randint(len(members), (count,), generator=rng)]
        elif self._options.balanced:
            rows = self._balanced(count, rng)
        else:
            rows = torch.randint(len(self._labels), (count,), generator=rng)
        coins = {axis: torch.rand(count, generator=rng) < 0.5 for axis in self._axes}
        turns = {plane: torch.randint(4, (count,), generator=rng) for plane in self._planes}
        return Pick(rows, coins, turns)

    def labels(self, pick: Pick) -> Tensor:
        """(N,) class indices."""
        return self._labels[pick.rows].to(self._device)

    def images(self, pick: Pick) -> Tensor:
        """(N, C, *spatial) in [-1, 1]."""
        if self._held is None:
            return self._moved(self._to_device(self.set.scaled(pick.rows.numpy())), pick)
        return self._moved(self._held[pick.rows.to(self._device)], pick)

    def masks(self, pick: Pick) -> Tensor:
        """(N, 1, *spatial) of 0 and 1, in float32.

        Raises:
            DataError: If the set has no masks.
        """
        stored = self.set.masks(pick.rows.numpy()) > 0
        return self._moved(self._to_device(stored.astype(np.float32)), pick)

    def parents(self, pick: Pick) -> tuple[str, ...]:
        """Ids of the real images that the rows are, or are copies of."""
        named = self.set.manifest.iloc[pick.rows.numpy()]
        rows = zip(named["image_id"], named["parent_ids"], strict=True)
        return tuple(dict.fromkeys(name for own, of in rows for name in of.split() or [own]))

    @cached_property
    def _held(self) -> Tensor | None:
        """The whole set on the device, where it fits."""
        size = 4 * len(self.set) * int(np.prod(self.set.shape))
        return self._to_device(self.set.scaled()) if size <= IN_MEMORY_BYTES else None

    def _balanced(self, count: int, rng: Generator) -> Tensor:
        members = list(self._members.values())
        classes = torch.randint(len(members), (count,), generator=rng)
        places = torch.rand(count, generator=rng, dtype=torch.float64)
        rows = [
            members[label][int(place * len(members[label]))]
            for label, place in zip(classes.tolist(), places.tolist(), strict=True)
        ]
        return torch.stack(rows)

    def _moved(self, images: Tensor, pick: Pick) -> Tensor:
        column = (-1, *[1] * (images.ndim - 1))
        for axis, coins in pick.mirrored.items():
            chosen = coins.to(self._device).reshape(column)
            images = torch.where(chosen, images.flip(axis + 2), images)
        for (first, second), turns in pick.turned.items():
            drawn, upright = turns.to(self._device).reshape(column), images
            for quarters in (1, 2, 3):
                turned = torch.rot90(upright, quarters, (first + 2, second + 2))
                images = torch.where(drawn == quarters, turned, images)
        return images

    def _to_device(self, values: NDArray[Any]) -> Tensor:
        images = torch.from_numpy(values).to(self._device)
        # Convolutions of small 2D images are a third faster with channels last.
        return images.contiguous(memory_format=_LAYOUTS[images.ndim])
