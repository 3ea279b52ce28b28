"""The ways in which an image can be mirrored and turned by right angles without changing its shape.

Eight in a square, four in an oblong (mirrored, and turned by half a turn), forty-eight in a cube.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product

import torch
from torch import Tensor


@dataclass(frozen=True)
class Orientation:
    """One way to lay an image.

    Args:
        axes: Which spatial axis becomes each axis, from 0.
        mirrored: The spatial axes that are mirrored afterwards.
    """

    axes: tuple[int, ...]
    mirrored: tuple[int, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """Lay images (N, C, *spatial) this way."""
        turned = images.permute(0, 1, *(axis + 2 for axis in self.axes))
        return torch.flip(turned, [axis + 2 for axis in self.mirrored]).contiguous()


def orientations(size: Sequence[int]) -> list[Orientation]:
    """List all ways to lay an image of a size, as it is first."""
    dims = len(size)
    return [
        Orientation(axes, tuple(axis for axis in range(dims) if flips[axis]))
        for axes in permutations(range(dims))
        if all(size[axis] == length for axis, length in zip(axes, size, strict=True))
        for flips in product((False, True), repeat=dims)
    ]
