"""Grids of images as PNG."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.compute import Machine
from pipeline.gan.diets.diet import Offer
from pipeline.gan.family import Batch, Sampled
from pipeline.gan.previews import made, save_grid, walk


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


def test_three_channels_are_colours_and_two_are_not(tmp_path):
    """Of two channels, which are no colours, the first is shown."""
    image = np.full((1, 3, 64, 64), -1.0, np.float32)
    image[:, 0] = 1.0
    save_grid(tmp_path / "x.png", [image])
    assert pixels(tmp_path / "x.png")[0, 0].tolist() == [255, 0, 0]
    save_grid(tmp_path / "x.png", [image[:, :2]])
    assert pixels(tmp_path / "x.png")[0, 0] == 255


def test_volumes_show_three_middle_slices(tmp_path):
    """Across the last, the middle and the first axis, downwards; narrower ones end in white."""
    volume = np.full((1, 1, 80, 64, 70), -1.0, np.float32)
    volume[..., 35] = 1.0  # fills the first slice, and is a line in the others
    save_grid(tmp_path / "x.png", [volume])
    grid = pixels(tmp_path / "x.png")
    # (80, 64), (80, 70) and (64, 70), one pixel between them.
    assert grid.shape == (80 + 1 + 80 + 1 + 64, 70)
    assert (grid[:81] == 255).all()
    second, third = grid[81:161], grid[162:]
    assert (second[:, 35] == 255).all() and (np.delete(second, 35, axis=1) == 0).all()
    assert (third[:, 35] == 255).all() and (np.delete(third, 35, axis=1) == 0).all()


def test_a_volume_narrower_along_one_axis_ends_in_white(tmp_path):
    """Its first slice, (80, 64), beside nothing."""
    save_grid(tmp_path / "x.png", [np.full((1, 1, 80, 64, 70), -1.0, np.float32)])
    grid = pixels(tmp_path / "x.png")
    assert (grid[:80, :64] == 0).all()
    assert (grid[:81, 64:] == 255).all()


def test_a_column_is_a_volume_and_rows_keep_apart(tmp_path):
    """Two volumes of 32 pixels above one: three slices each, four pixels between rows, doubled."""
    row = np.zeros((2, 1, 32, 32, 32), np.float32)
    save_grid(tmp_path / "x.png", [row, row[:1]])
    assert pixels(tmp_path / "x.png").shape == (2 * (2 * (3 * 32 + 2) + 4), 2 * (32 + 2 + 32))


class Painter:
    """A family that turns what it is given into its negative, with a mask."""

    def sample(self, given, rngs):
        """One image."""
        return Sampled(-given.images, torch.ones_like(given.images))


class Offering:
    """A diet that offers an image of the value 0.5."""

    def offer(self, label, rng):
        """One row."""
        return Offer(Batch(torch.tensor([label]), torch.full((1, 1, 4, 4), 0.5)), ("i1",))


def test_what_images_are_made_from_is_above_them():
    """Sources, then masks from black to white, then the images."""
    rows = made(Painter(), Offering(), 0, [1, 2, 3], Machine())
    assert [row.shape for row in rows] == [(3, 1, 4, 4)] * 3
    assert [float(row.mean()) for row in rows] == [0.5, 1.0, -0.5]


class Walker:
    """A family whose image is its latent."""

    def latents(self, rngs):
        """Number i in the place i."""
        return torch.eye(4)[: len(rngs)]

    def decode(self, latents, given):
        """Show it."""
        return Sampled(latents[:, None, None].expand(-1, 1, 4, 4))


def test_a_walk_goes_from_one_latent_to_the_next():
    """Both ends are samples; the middle of a quarter circle is (.71, .71)."""
    steps = walk(Walker(), Offering(), 0, [1, 2, 3], Machine())
    half = np.sqrt(0.5)
    assert steps[:, 0, 0] == pytest.approx(
        np.array([[1, 0, 0, 0], [half, half, 0, 0], [0, 1, 0, 0]]), abs=1e-6
    )
    assert walk(Painter(), Offering(), 0, [1, 2], Machine()) is None
