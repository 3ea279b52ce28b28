"""A contact sheet: some images of each class, one class below the other, without a word on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import DataError

_TILE = 96
_GAP = 4
_ROW = 12
_MOST_ROWS = 24
_PAPER = 255


def write(path: Path, images: Mapping[str, Sequence[NDArray[np.float32]]]) -> bool:
    """Write the sheet; nothing where there is no image.

    Args:
        path: A .png file, whose directory is there.
        images: By class, (C, *spatial) in [-1, 1]; of volumes the middle slice is shown.

    Returns:
        Whether there was an image to show.

    Raises:
        DataError: If the path cannot be written to, or its name does not end in .png.
    """
    if path.suffix.lower() != ".png":
        raise DataError("--out", "must end in .png")
    rows = [images[name] for name in sorted(images) if images[name]][:_MOST_ROWS]
    if not rows:
        return False
    tiles = [[_tile(image) for image in row[:_ROW]] for row in rows]
    width = max(len(row) for row in tiles) * (_TILE + _GAP) - _GAP
    sheet = np.full((len(tiles) * (_TILE + _GAP) - _GAP, width, 3), _PAPER, np.uint8)
    for line, row in enumerate(tiles):
        for column, tile in enumerate(row):
            top, left = line * (_TILE + _GAP), column * (_TILE + _GAP)
            sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    try:
        Image.fromarray(sheet).save(path, "PNG")
    except OSError:
        raise DataError("--out", "cannot be written; name a place that you may write to") from None
    return True


def _tile(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """An image as (height, width, 3), at most as large as a tile and as near to it as can be."""
    flat = image if image.ndim == 3 else image[..., image.shape[-1] // 2]
    shown = flat if len(flat) == 3 else np.repeat(flat[:1], 3, axis=0)
    pixels = np.rint((shown + 1.0) * 127.5).astype(np.uint8).transpose(1, 2, 0)
    factor = _TILE / max(pixels.shape[:2])
    size = [max(1, round(length * factor)) for length in (pixels.shape[1], pixels.shape[0])]
    how = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX
    return np.asarray(Image.fromarray(pixels).resize((size[0], size[1]), how))
