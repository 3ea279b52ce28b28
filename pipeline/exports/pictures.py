"""Pictures of images and masks, for the formats that are made of PNG files.

An image is shown with the stated window: `value = low + grey / greatest * (high - low)`, where
greatest is 255 or 65535. A mask keeps its values, as indices into a palette in which they can be
told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import DataError
from pipeline.exports.export import DESCRIBED, Sample, Shipment
from pipeline.exports.folder import Folder
from pipeline.imageset import Meta

Slices = Literal["middle", "all"]
# Black, white, then colours that differ in hue and lightness, then greys.
_COLOURS = (0, 0, 0, 255, 255, 255, 230, 80, 60, 70, 140, 230, 90, 190, 90, 240, 200, 60)
_PALETTE = bytes([*_COLOURS, *(level for grey in range(6, 256) for level in (grey,) * 3)])


def write_pictures(
    shipment: Shipment,
    folder: Folder,
    place: Callable[[Sample], str],
    *,
    name: str,
    slices: Slices,
    bits: int = 8,
) -> None:
    """Write `images/`, `masks/` where there are masks, and `labels.csv`.

    Args:
        shipment: What leaves.
        folder: Where to.
        place: Of a sample below these folders, without its ending.
        name: The format's, for messages.
        slices: Of 3D images.
        bits: 8 or 16, of a grey value.

    Raises:
        DataError: If there are neither one nor three channels.
    """
    count = len(shipment.meta.channels)
    if count not in (1, 3):
        raise DataError(
            shipment.sets[0].root,
            f"has {count} channels, but a picture has one or three; take `{name}` out of "
            "export.formats",
        )
    with folder.table("labels.csv", ("file", "mask", *DESCRIBED)) as add:
        for sample in shipment.samples():
            for row in _save_slices(sample, folder, place(sample), slices, bits):
                add(row)


def image_picture(image: NDArray[Any], meta: Meta, index: int | None, bits: int) -> Image.Image:
    """Show an image (C, *spatial) in the stored unit, or a slice of it along the last axis."""
    plane = image if index is None else image[..., index]
    grey = grey_levels(plane, meta, bits)
    if len(grey) == 3:
        return Image.fromarray(np.ascontiguousarray(grey.transpose(1, 2, 0)))
    return Image.fromarray(grey[0])


def mask_picture(mask: NDArray[np.uint8], index: int | None) -> Image.Image:
    """Show a mask (1, *spatial), or a slice of it along the last axis."""
    plane = mask[0] if index is None else mask[0, ..., index]
    picture = Image.fromarray(np.ascontiguousarray(plane))
    picture.putpalette(_PALETTE)  # which makes indices of its grey values
    return picture


def grey_levels(image: NDArray[Any], meta: Meta, bits: int) -> NDArray[Any]:
    """Map the window onto 8 or 16 bits, clipping outside it."""
    greatest = 2**bits - 1
    levels = np.rint((meta.scale(image).astype(np.float64) + 1.0) * (greatest / 2))
    grey: NDArray[Any] = levels.astype(np.uint8 if bits == 8 else np.uint16)
    return grey


def _save_slices(
    sample: Sample, folder: Folder, stem: str, slices: Slices, bits: int
) -> Iterator[tuple[object, ...]]:
    """Write the pictures of one image, and yield a row of the table for each."""
    image, mask, meta = sample.image, sample.mask, sample.images.meta
    # A picture has rows and columns alone, whatever lies between the slices of its volume.
    described = replace(sample, spacing_mm=sample.spacing_mm[:2]).described
    for ending, index in _slices(sample, slices):
        file, beside = f"images/{stem}{ending}.png", ""
        with folder.file(file) as path:
            image_picture(image, meta, index, bits).save(path)
        if mask is not None:
            beside = f"masks/{stem}{ending}.png"
            with folder.file(beside) as path:
                mask_picture(mask, index).save(path)
        yield file, beside, *described


def _slices(sample: Sample, which: Slices) -> Iterator[tuple[str, int | None]]:
    """Name the pictures that an image becomes: an ending for each, and the slice it shows.

    Yields:
        `("", None)` for a 2D image, `("", k)` for the middle slice, `("_s003", 3)` for each.
    """
    size = sample.images.shape[1:]
    if len(size) == 2:
        yield "", None
    elif which == "middle":
        yield "", size[-1] // 2
    else:
        for index in range(size[-1]):
            yield f"_s{index:03d}", index
