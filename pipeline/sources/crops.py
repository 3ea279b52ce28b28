"""Cut an image out of a scan whose voxels have a size in millimetres; 2D and 3D.

Shared by the sources that know millimetres. Spatial axes are (rows, columns) or (rows, columns,
slices). A box that reaches out of the scan is moved inside. One longer than the scan is either
shortened, where its scale is free, or mirrored at the border: repeating the edge draws streaks, and
a constant draws a frame. Whichever is done would tell large lesions from small ones if it were
done often, so a field of view should not exceed the scans.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.sources import geometry
from pipeline.sources.source import UnusableError

# Four gigabytes of float32: beyond any scan, within what a machine may have.
_MOST_VOXELS = 1e9


@dataclass(frozen=True)
class Grid:
    """An image, and perhaps its mask, on a regular grid.

    Args:
        image: (C, *spatial).
        spacing_mm: Millimetres between voxel centres, one per spatial axis.
        mask: (1, *spatial), above zero inside, or None.
    """

    image: NDArray[Any]
    spacing_mm: tuple[float, ...]
    mask: NDArray[Any] | None = None

    def slice(self, index: int) -> Grid:
        """View one slice of a volume as a 2D image."""
        return Grid(
            self.image[..., index],
            self.spacing_mm[:2],
            None if self.mask is None else self.mask[..., index],
        )


def respace(grid: Grid, spacing_mm: Sequence[float]) -> Grid:
    """Resample a whole grid, its mask included, to another spacing.

    Raises:
        UnusableError: If it would become too large to hold.
    """
    wanted = tuple(float(mm) for mm in spacing_mm)
    finer = [have / want for have, want in zip(grid.spacing_mm, wanted, strict=True)]
    voxels = math.prod(grid.image.shape[1:]) * math.prod(finer)
    if voxels > _MOST_VOXELS:
        raise UnusableError(
            f"at this spacing_mm it would have {voxels:.2g} voxels, more than {_MOST_VOXELS:.2g}; "
            "choose a coarser one"
        )
    image = geometry.resample(grid.image, grid.spacing_mm, wanted)
    mask = None
    if grid.mask is not None:
        cover = geometry.resample((grid.mask > 0).astype(np.float32), grid.spacing_mm, wanted)
        mask = (cover >= min(0.5, float(cover.max()) or 0.5)).astype(np.uint8)
    return Grid(image, wanted, mask)


def box_lengths(length_mm: float | Sequence[float], size: Sequence[int]) -> tuple[float, ...]:
    """Turn one length into the lengths of a box with equal pixel spacing along every axis.

    Args:
        length_mm: Length along the axis of fewest pixels, or one length per axis as it is.
        size: *spatial of the image to make.
    """
    if isinstance(length_mm, int | float):
        return tuple(length_mm * count / min(size) for count in size)
    return tuple(float(length) for length in length_mm)


def inside(
    grid: Grid, centre: Sequence[float], lengths_mm: Sequence[float], *, shorten: bool
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Move a box into a grid, and shorten it if it is longer than the grid and may be.

    Rows and columns are shortened by one factor, which keeps the shape of what is seen; slices by
    their own, because many scans are short across slices.

    Returns:
        The box's middle in voxels, and its lengths in millimetres.
    """
    shape = grid.image.shape[1:]
    reach = [count * mm for count, mm in zip(shape, grid.spacing_mm, strict=True)]
    lengths = [float(length) for length in lengths_mm]
    if shorten:
        plane = min(1.0, reach[0] / lengths[0], reach[1] / lengths[1])
        lengths[:2] = lengths[0] * plane, lengths[1] * plane
        lengths[2:] = [min(lengths[2], reach[2])] if len(lengths) > 2 else []
    middles = []
    for middle, length, count, mm in zip(centre, lengths, shape, grid.spacing_mm, strict=True):
        half = length / mm / 2
        low, high = half - 0.5, count - 0.5 - half
        middles.append((count - 1) / 2 if low > high else min(max(middle, low), high))
    return tuple(middles), tuple(lengths)


def cut(
    grid: Grid, centre: Sequence[float], lengths_mm: Sequence[float], size: Sequence[int]
) -> Grid:
    """Cut a box out of a grid and resample it to a size, in one interpolation.

    Args:
        grid: Where to cut.
        centre: Middle of the box in voxels.
        lengths_mm: Lengths of the box, one per spatial axis.
        size: *spatial of the result.

    Returns:
        The box as float32, with its mask (1, *size) uint8 if the grid has one.
    """
    extent = [length / mm for length, mm in zip(lengths_mm, grid.spacing_mm, strict=True)]
    image = geometry.field_of_view(grid.image, centre, extent, size, border="mirror")
    mask = None
    if grid.mask is not None:
        mask = geometry.mask_view(grid.mask, centre, extent, size)
    spacing = tuple(length / count for length, count in zip(lengths_mm, size, strict=True))
    return Grid(image, spacing, mask)


def whole(grid: Grid, size: Sequence[int]) -> Grid:
    """Resample all of a grid to a size, each axis by its own factor."""
    shape = grid.image.shape[1:]
    lengths = [count * mm for count, mm in zip(shape, grid.spacing_mm, strict=True)]
    return cut(grid, geometry.image_centre(grid.image), lengths, size)
