"""Is an image too near to one training image to be a new one?

Training images of different patients are never each other's copies: how near they come to each
other is what chance brings. What is nearer to a row, or to its mirror image, than all but a few of
them, in the embedding and in pixels, is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pipeline.fidelity.distances import pairwise
from pipeline.selection.criterion import EMBEDDING, Ground, Seen

_SIDE = {2: 16, 3: 8}

# (r, D) of the training rows in one view: one a mirroring.
Mirrored = Sequence[NDArray[Any]]


class Copies:
    """Refuses what is nearer to training rows than other patients' rows are.

    Args:
        embedded: The rows' embeddings.
        pixels: The rows' thumbnails, flat.
        near: Distances up to which an image is near, in the embedding and in pixels.
    """

    def __init__(self, embedded: Mirrored, pixels: Mirrored, near: tuple[float, float]) -> None:
        self._views = (embedded, pixels)
        self._near = near

    @classmethod
    def fit(cls, ground: Ground) -> Self:
        """Measure how near rows come to rows of other patients."""
        mirrored = [np.flip(ground.training.pixels, axes) for axes in _mirrorings(ground.training)]
        embed = ground.spaces[EMBEDDING]
        embedded = [embed(np.ascontiguousarray(pixels)) for pixels in mirrored]
        pixels = [thumbnails(each) for each in mirrored]
        other = ground.groups[:, None] != ground.groups[None, :]
        if not other.any():
            return cls(embedded, pixels, (-1.0, -1.0))
        found = []
        for own, view in ((embedded[0], embedded), (pixels[0], pixels)):
            apart = np.where(other, np.min([pairwise(own, rows) for rows in view], axis=0), np.inf)
            found.append(float(np.quantile(apart.min(1), ground.options.near_share)))
        return cls(embedded, pixels, (found[0], found[1]))

    def __call__(self, seen: Seen) -> NDArray[np.float64]:
        """Score zero for copies and one for all others."""
        given = (seen.features[EMBEDDING], thumbnails(seen.pixels))
        copied = np.zeros(len(seen.pixels), bool)
        # One and the same training image, mirrored alike, must be near in both views.
        for rows in zip(*self._views, strict=True):
            near = [
                pairwise(own, each) <= limit
                for own, each, limit in zip(given, rows, self._near, strict=True)
            ]
            copied |= (near[0] & near[1]).any(1)
        return np.where(copied, 0.0, 1.0)


def thumbnails(pixels: NDArray[np.float32]) -> NDArray[Any]:
    """Shrink images by averaging to at most 16 pixels an axis, 8 in 3D: (N, C, *spatial) to (N, D).

    A copy with other noise stays a copy, and distances stay cheap.
    """
    dims = pixels.ndim - 2
    pool = functional.adaptive_avg_pool2d if dims == 2 else functional.adaptive_avg_pool3d
    size: Any = [min(_SIDE[dims], length) for length in pixels.shape[2:]]
    small: Any = pool(torch.from_numpy(np.ascontiguousarray(pixels)), size)
    return np.asarray(small.flatten(1).numpy())


def _mirrorings(seen: Seen) -> list[tuple[int, ...]]:
    """The axes to flip, for each mirroring of the images, none first."""
    axes = range(2, seen.pixels.ndim)
    return [
        tuple(axis for axis, flipped in zip(axes, choice, strict=True) if flipped)
        for choice in product((False, True), repeat=len(axes))
    ]
