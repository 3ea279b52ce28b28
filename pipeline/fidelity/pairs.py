"""A picture of the synthetic images nearest to training images, each above its neighbour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SCALE_TO = 96
_GAP = 4


def save_pairs(path: Path, synthetic: NDArray[Any], training: NDArray[Any]) -> None:
    """Write pairs side by side, synthetic above and nearest training image below.

    Args:
        path: PNG to write; its folder is made.
        synthetic: (n, C, *spatial) in [-1, 1].
        training: (n, C, *spatial) in [-1, 1], in the order of the pairs.
    """
    columns = [
        np.concatenate([_tile(fake), _gap(_tile(fake), 0), _tile(real)], axis=0)
        for fake, real in zip(synthetic, training, strict=True)
    ]
    parts = [columns[0]]
    for column in columns[1:]:
        parts += [_gap(column, 1), column]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(parts, axis=1)).save(path)


def _tile(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.ndim == 4:
        image = image[..., image.shape[-1] // 2]
    if len(image) not in (1, 3):
        image = image[:1]
    pixels = np.rint((np.clip(image, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    colour = np.broadcast_to(pixels, (3, *pixels.shape[1:])).transpose(1, 2, 0)
    times = max(1, _SCALE_TO // max(pixels.shape[1:]))
    return np.repeat(np.repeat(colour, times, axis=0), times, axis=1)


def _gap(like: NDArray[np.uint8], axis: int) -> NDArray[np.uint8]:
    shape = list(like.shape)
    shape[axis] = _GAP
    return np.full(shape, 255, np.uint8)
