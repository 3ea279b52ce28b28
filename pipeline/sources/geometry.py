"""Cropping and resampling, shared by the sources; 2D and 3D, channels first.

Everything that moves pixels is one separable interpolation, `field_of_view`: crop, pad, resample
and antialias happen in a single step, so no image is interpolated twice. Positions are in voxels
and a voxel's centre is a whole number: an axis of n voxels reaches from -0.5 to n - 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Order = Literal[0, 1, 3]
Border = Literal["edge", "mirror"]


def field_of_view(
    image: NDArray[Any],
    centre: Sequence[float],
    extent: Sequence[float],
    size: Sequence[int],
    *,
    order: Order = 1,
    fill: float | None = None,
    border: Border = "edge",
) -> NDArray[Any]:
    """Cut a box out of an image and resample it, in one interpolation.

    Shrinking widens the kernel by the shrinking factor, so that it averages what it skips.

    Args:
        image: (C, *spatial).
        centre: Middle of the box in voxels, one per spatial axis; may lie between voxels.
        extent: Length of the box in voxels, one per spatial axis; may reach out of the image.
        size: *spatial of the result.
        order: 0 nearest (keeps the type), 1 linear, 3 cubic (Catmull-Rom, may overshoot).
        fill: Value outside the image; None goes by `border`.
        border: Outside the image `edge` repeats the last voxel, `mirror` reflects about the edge.

    Returns:
        (C, *size), float32, or the image's own type at order 0.

    Raises:
        ValueError: If the numbers of axes disagree or an extent is not positive.

    Source: Keys 1981, equation 15, for the cubic kernel.
    """
    axes = image.ndim - 1
    if not axes == len(centre) == len(extent) == len(size):
        raise ValueError(f"{axes} spatial axes, but {len(centre)}, {len(extent)}, {len(size)}")
    if min(extent) <= 0 or min(size) <= 0:
        raise ValueError(f"extent {tuple(extent)} and size {tuple(size)} must be positive")
    if min(image.shape) == 0:
        raise ValueError(f"the image is empty: {image.shape}")
    offset = 0.0 if fill is None else fill
    result = image
    for axis, (middle, length, count) in enumerate(zip(centre, extent, size, strict=True), 1):
        taps, weights = _kernel(float(middle), float(length), int(count), order)
        if fill is not None:
            weights = weights * ((taps >= 0) & (taps < image.shape[axis]))
        elif border == "mirror":
            phase = taps % (2 * image.shape[axis])
            taps = np.minimum(phase, 2 * image.shape[axis] - 1 - phase)
        taps = np.clip(taps, 0, image.shape[axis] - 1)
        result = (
            _pick(result, taps[:, 0], weights[:, 0], axis, offset)
            if order == 0
            else _weigh(result, taps, weights, axis, offset)
        )
    return np.ascontiguousarray(result)


def mask_view(
    mask: NDArray[Any], centre: Sequence[float], extent: Sequence[float], size: Sequence[int]
) -> NDArray[np.uint8]:
    """Cut and resample a mask as `field_of_view` does an image.

    A voxel is set where the mask covers at least half of it. A lesion too small to cover half of
    any voxel keeps the voxels that it covers most, so that it never vanishes while in view.

    Args:
        mask: (1, *spatial); above zero is inside.
        centre: See `field_of_view`.
        extent: See `field_of_view`.
        size: See `field_of_view`.

    Returns:
        (1, *size) uint8 of 0 and 1.
    """
    cover = field_of_view((mask > 0).astype(np.float32), centre, extent, size, fill=0.0)
    peak = float(cover.max())
    threshold = min(0.5, peak) if peak > 1e-6 else 0.5
    return (cover >= threshold - 1e-6).astype(np.uint8)


def resample(
    image: NDArray[Any],
    spacing_mm: Sequence[float],
    target_spacing_mm: Sequence[float],
    *,
    order: Order = 1,
) -> NDArray[Any]:
    """Resample a whole image to another voxel spacing about its centre.

    Args:
        image: (C, *spatial).
        spacing_mm: Its spacing, one per spatial axis.
        target_spacing_mm: The wanted spacing, met exactly; the field of view is rounded to whole
            voxels.
        order: See `field_of_view`.
    """
    factors = [want / have for have, want in zip(spacing_mm, target_spacing_mm, strict=True)]
    shape = image.shape[1:]
    size = [max(1, round(count / factor)) for count, factor in zip(shape, factors, strict=True)]
    extent = [count * factor for count, factor in zip(size, factors, strict=True)]
    return field_of_view(image, image_centre(image), extent, size, order=order)


def resize(image: NDArray[Any], size: Sequence[int], *, order: Order = 1) -> NDArray[Any]:
    """Stretch a whole image to a size, each axis by its own factor."""
    return field_of_view(image, image_centre(image), image.shape[1:], size, order=order)


def fit(
    image: NDArray[Any], size: Sequence[int], *, fill: float = 0.0, order: Order = 1
) -> NDArray[Any]:
    """Show a whole image at a size without distortion, padding what is left over."""
    factor = max(have / want for have, want in zip(image.shape[1:], size, strict=True))
    extent = [factor * want for want in size]
    return field_of_view(image, image_centre(image), extent, size, order=order, fill=fill)


def image_centre(image: NDArray[Any]) -> tuple[float, ...]:
    """The middle of an image (C, *spatial), in voxels."""
    return tuple((count - 1) / 2 for count in image.shape[1:])


def mask_centre(mask: NDArray[Any]) -> tuple[float, ...]:
    """The middle of the box around a mask (1, *spatial), in voxels.

    Raises:
        ValueError: If the mask is empty.
    """
    return tuple((low + high) / 2 for low, high in mask_box(mask))


def mask_extent_mm(mask: NDArray[Any], spacing_mm: Sequence[float]) -> tuple[float, ...]:
    """The lengths of the box around a mask (1, *spatial), in millimetres.

    Raises:
        ValueError: If the mask is empty.
    """
    boxes = mask_box(mask)
    return tuple((high - low + 1) * mm for (low, high), mm in zip(boxes, spacing_mm, strict=True))


def mask_box(mask: NDArray[Any]) -> tuple[tuple[int, int], ...]:
    """The first and last voxel of a mask (1, *spatial) along each spatial axis.

    Raises:
        ValueError: If the mask is empty.
    """
    places = np.nonzero((mask > 0).any(axis=0))
    if not len(places[0]):
        raise ValueError("the mask is empty")
    return tuple((int(place.min()), int(place.max())) for place in places)


def largest_slice(mask: NDArray[Any], axis: int) -> int:
    """The slice of a mask (1, *spatial) with most of it, the middle one of equals.

    Args:
        mask: Above zero is inside.
        axis: Spatial axis, from 0, across which the slices lie.

    Raises:
        ValueError: If the mask is empty.
    """
    inside = (mask > 0).any(axis=0)
    area = inside.sum(axis=tuple(other for other in range(inside.ndim) if other != axis))
    if area.max() == 0:
        raise ValueError("the mask is empty")
    largest = np.flatnonzero(area == area.max())
    return int(largest[len(largest) // 2])


def _kernel(
    centre: float, extent: float, count: int, order: Order
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Make the taps (count, k) along an axis and their weights, each row summing to one."""
    step = extent / count
    position = centre + (np.arange(count) + 0.5) * step - extent / 2
    if order == 0:
        # Halves round up, always: NumPy's rounding to even would skip every other voxel.
        taps = np.floor(position + 0.5).astype(np.int64)[:, None]
        return taps, np.ones(taps.shape)
    width = max(step, 1.0)
    reach = width * (1 if order == 1 else 2)
    first = np.ceil(position - reach).astype(np.int64)
    taps = first[:, None] + np.arange(math.floor(2 * reach) + 1)
    distance = np.abs(taps - position[:, None]) / width
    weights = _linear(distance) if order == 1 else _cubic(distance)
    return taps, weights / weights.sum(axis=1, keepdims=True)


def _linear(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(1.0 - distance, 0.0)


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1.0
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4.0 * distance + 2.0
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))


def _pick(
    image: NDArray[Any],
    taps: NDArray[np.int64],
    inside: NDArray[np.float64],
    axis: int,
    offset: float,
) -> NDArray[Any]:
    picked = np.take(image, taps, axis)
    keep = np.expand_dims(inside > 0, [other for other in range(image.ndim) if other != axis])
    return np.where(keep, picked, np.asarray(offset, image.dtype))


def _weigh(
    image: NDArray[Any],
    taps: NDArray[np.int64],
    weights: NDArray[np.float64],
    axis: int,
    offset: float,
) -> NDArray[Any]:
    low, high = int(taps.min()), int(taps.max()) + 1
    needed = np.take(image, np.arange(low, high), axis).astype(np.float32) - np.float32(offset)
    matrix = np.zeros((len(taps), high - low), np.float32)
    # Taps beyond the edge were moved onto it, so several weights can meet in one entry.
    np.add.at(matrix, (np.arange(len(taps))[:, None], taps - low), weights)
    moved = np.moveaxis(needed, axis, -1) @ matrix.T
    return np.moveaxis(moved, -1, axis) + np.float32(offset)
