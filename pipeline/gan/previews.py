"""Grids of real and generated images, as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_GAP = 2
_SHORTEST_SIDE = 64


def save_grid(path: Path, rows: Sequence[NDArray[np.float32]]) -> None:
    """Write rows of images as one grid, small images enlarged by whole factors.

    Args:
        path: A .png file, whose directory is made if absent.
        rows: Each (n, C, *spatial) in [-1, 1]; a volume is shown by its middle slice along the
            last axis, and only three channels are shown in colour.
    """
    from PIL import Image

    lines = [_line(row) for row in rows if len(row)]
    width = max(line.shape[1] for line in lines)
    padded = [
        np.pad(line, ((0, _GAP), (0, width - line.shape[1]), (0, 0)), constant_values=255)
        for line in lines
    ]
    grid = np.concatenate(padded)[:-_GAP]
    picture = Image.fromarray(grid if grid.shape[2] == 3 else grid[:, :, 0])
    factor = max(1, -(-_SHORTEST_SIDE // min(rows[0].shape[2:4])))
    size = (picture.width * factor, picture.height * factor)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.resize(size, Image.Resampling.NEAREST).save(path)


def _line(row: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Images side by side, (height, width, 1 or 3)."""
    flat = row if row.ndim == 4 else row[..., row.shape[-1] // 2]
    flat = flat if flat.shape[1] == 3 else flat[:, :1]
    grey = np.rint((np.clip(flat, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    tiles = [
        np.pad(tile.transpose(1, 2, 0), ((0, 0), (0, _GAP), (0, 0)), constant_values=255)
        for tile in grey
    ]
    return np.concatenate(tiles, axis=1)[:, :-_GAP]
