"""Grids of images as PNG."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pipeline.gan.previews import save_grid


def pixels(path):
    """The picture as an array."""
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_black_is_minus_one_and_white_is_one(tmp_path):
    """Two images of 64 pixels side by side, two white pixels between them."""
    row = np.stack([np.full((1, 64, 64), -1.0), np.full((1, 64, 64), 1.0)]).astype(np.float32)
    save_grid(tmp_path / "deep" / "x.png", [row, row[:1]])
    grid = pixels(tmp_path / "deep" / "x.png")
    assert grid.shape == (130, 130)
    assert (grid[:64, :64] == 0).all()
    assert (grid[:64, 64:] == 255).all()
    assert (grid[66:, 66:] == 255).all()


def test_small_images_are_enlarged(tmp_path):
    """Sixteen pixels become 64, unblurred."""
    save_grid(tmp_path / "x.png", [np.zeros((1, 1, 16, 16), np.float32)])
    assert pixels(tmp_path / "x.png").shape == (64, 64)


def test_volumes_show_their_middle_slice_and_colour_stays(tmp_path):
    """Three channels are a colour picture; a volume is cut along its last axis."""
    volume = np.full((1, 3, 64, 64, 9), -1.0, np.float32)
    volume[:, 0, :, :, 4] = 1.0
    save_grid(tmp_path / "x.png", [volume])
    assert pixels(tmp_path / "x.png")[0, 0].tolist() == [255, 0, 0]
