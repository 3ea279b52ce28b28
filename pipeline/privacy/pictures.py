"""A picture of the images most like training images, and of held-out ones as a yardstick.

Four rows: synthetic images, below each the training image most like it, laid upon it; then held-out
images, whose patients the generator never saw, and the training image most like each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.privacy.alignment import laid_upon
from pipeline.privacy.spaces import Part

_SCALE_TO = 96
_GAP = 4
_MARGIN = 64
_PAPER, _INK = 255, 0

Pairs = list[tuple[int, int, str]]


def save_pairs(
    path: Path, training: Part, sides: list[tuple[str, Part, Pairs]], *, shift: int
) -> None:
    """Write the picture; it has as many columns as the longest side has pairs.

    Args:
        path: PNG to write; its folder is made.
        training: Where the second of each pair lies.
        sides: What the images are called, the images, and the pairs to show.
        shift: Pixels by which a training image may be shifted to lie upon the other.
    """
    rows = []
    for title, part, pairs in sides:
        images = part.images[[first for first, _, _ in pairs]]
        partners = training.images[[second for _, second, _ in pairs]]
        laid = laid_upon(images, partners, shift=shift)
        rows += [(title, images), ("training", laid)]
    tile = _tile(rows[0][1][0])
    height, width = tile.shape[0] + _GAP, tile.shape[1] + _GAP
    columns = max(len(images) for _, images in rows)
    size = (_MARGIN + columns * width, len(rows) * height + _GAP)
    sheet = Image.new("RGB", size, (_PAPER,) * 3)
    draw = ImageDraw.Draw(sheet)
    for number, (title, images) in enumerate(rows):
        # A wider gap parts what was made from the yardstick.
        top = number * height + (_GAP if number >= 2 else 0)
        draw.text((2, top + height // 2 - 6), title, fill=(_INK,) * 3)
        for column, image in enumerate(images):
            sheet.paste(Image.fromarray(_tile(image)), (_MARGIN + column * width, top))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _tile(image: torch.Tensor) -> NDArray[np.uint8]:
    """(C, *spatial) in [-1, 1] -> (H, W, 3), the middle slice of a volume."""
    pixels: NDArray[Any] = image.numpy()
    if pixels.ndim == 4:
        pixels = pixels[..., pixels.shape[-1] // 2]
    if len(pixels) not in (1, 3):
        pixels = pixels[:1]
    grey = np.rint((np.clip(pixels, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    colour = np.broadcast_to(grey, (3, *grey.shape[1:])).transpose(1, 2, 0)
    times = max(1, _SCALE_TO // max(grey.shape[1:]))
    return np.ascontiguousarray(np.repeat(np.repeat(colour, times, axis=0), times, axis=1))
