"""The spaces in which copies are looked for, and the nearest image in each.

A space is a way to say how far two images are apart: the Euclidean distance of features that are
handed in, the pixels after mirroring, turning and shifting at two scales, or what is left over of
an image as a mixture of two. To add one: measure it in `search`, under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.fidelity.distances import pairwise
from pipeline.privacy.alignment import nearest_aligned
from pipeline.privacy.mixtures import nearest_mixture

PIXELS = {1: "pixels", 2: "pixels_coarse"}
MIXTURES = "mixtures"
_BLOCK = 2048


@dataclass(frozen=True)
class Part:
    """Images that are compared with others.

    Args:
        ids: (N,) image ids.
        groups: (N,) whose images they are; two of one group are never compared where asked.
        images: (N, C, *spatial) in [-1, 1].
        features: By the extractor's name, (N, D).
    """

    ids: NDArray[Any]
    groups: NDArray[Any]
    images: Tensor
    features: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.ids)

    def take(self, rows: NDArray[np.int64]) -> Part:
        """Some rows."""
        features = {name: each[rows] for name, each in self.features.items()}
        return Part(
            self.ids[rows], self.groups[rows], self.images[torch.from_numpy(rows)], features
        )


@dataclass(frozen=True)
class Found:
    """The nearest images of N others in one space.

    Args:
        distances: (N,) at least 0.
        positions: (N,) which image is nearest.
        others: (N,) the second image of a mixture; -1 elsewhere, and where one image suffices.
    """

    distances: NDArray[np.float64]
    positions: NDArray[np.int64]
    others: NDArray[np.int64]


def search(
    queries: Part, base: Part, *, shift: int, apart: bool = False, mixtures: bool = True
) -> dict[str, Found]:
    """Find the nearest image of `base` for each query, in every space.

    Args:
        queries: N images.
        base: M images, with the same features.
        shift: Greatest shift along each axis, in pixels.
        apart: Whether images of one group are left out of account.
        mixtures: Whether mixtures of two are looked for, which costs most.
    """
    barred = queries.groups[:, None] == base.groups[None, :] if apart else None
    found = {
        name: _nearest(features, base.features[name], barred)
        for name, features in queries.features.items()
    }
    bars = None if barred is None else torch.from_numpy(barred)
    aligned = nearest_aligned(queries.images, base.images, shift=shift, barred=bars)
    for scale, each in aligned.items():
        found[PIXELS[scale]] = _found(each.distances, each.positions)
    if mixtures:
        mixed = nearest_mixture(queries.images, base.images, barred=bars)
        others = torch.where(mixed.shares < 1.0, mixed.others, -1)
        found[MIXTURES] = _found(mixed.distances, mixed.positions, others)
    return found


def _nearest(queries: NDArray[Any], base: NDArray[Any], barred: NDArray[np.bool_] | None) -> Found:
    distances = np.empty(len(queries))
    positions = np.empty(len(queries), np.int64)
    for start in range(0, len(queries), _BLOCK):
        some = slice(start, start + _BLOCK)
        block = pairwise(queries[some], base)
        if barred is not None:
            block[barred[some]] = np.inf
        positions[some], distances[some] = block.argmin(1), block.min(1)
    return Found(distances, positions, np.full(len(queries), -1))


def _found(distances: Tensor, positions: Tensor, others: Tensor | None = None) -> Found:
    second = np.full(len(positions), -1) if others is None else others.numpy().astype(np.int64)
    return Found(distances.double().numpy(), positions.numpy().astype(np.int64), second)
