"""Reducing images by a whole factor and enlarging them again, in 2D and 3D, for any size.

Pixel i of a reduced axis stands for the `factor` pixels from i * factor on; where they reach
beyond the image it is mirrored. Every axis is one matrix, so that a batch is resized on its device
and gradients pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.sources.geometry import field_of_view


def reduced_size(size: Sequence[int], factor: int) -> tuple[int, ...]:
    """*spatial of the reduced version of images of a size; what is begun counts."""
    return tuple(-(-axis // factor) for axis in size)


def reductions(size: Sequence[int], factor: int) -> list[Tensor]:
    """By axis the matrix (length, reduced length) of cubic interpolation without aliasing.

    The kernel is widened by the factor, so that it averages what it skips.

    Args:
        size: *spatial of the images.
        factor: How many pixels become one.
    """
    lengths = zip(size, reduced_size(size, factor), strict=True)
    return [_matrix(length, few * factor, few) for length, few in lengths]


def enlargements(size: Sequence[int], factor: int) -> list[Tensor]:
    """By axis the matrix (reduced length, length) of cubic interpolation.

    Args:
        size: *spatial of the enlarged images.
        factor: How many pixels one becomes.
    """
    lengths = zip(size, reduced_size(size, factor), strict=True)
    return [_matrix(few, few, few * factor)[:, :length] for length, few in lengths]


def resize(images: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Multiply each spatial axis of (N, C, *spatial) by its matrix."""
    for axis, matrix in enumerate(matrices, start=2):
        images = (images.movedim(axis, -1) @ matrix).movedim(-1, axis)
    return images


def _matrix(length: int, extent: int, count: int) -> Tensor:
    """Resample the first `extent` pixels of an axis into `count`: each unit vector's image."""
    units = np.eye(length, dtype=np.float32)
    view = field_of_view(units, [(extent - 1) / 2], [extent], [count], order=3, border="mirror")
    return torch.from_numpy(view)
