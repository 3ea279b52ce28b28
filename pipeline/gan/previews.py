"""Grids of real and generated images, as PNG.

Of a volume three slices are shown below one another, through its middle and across each axis, so
that a column is a volume and a line one way of cutting.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline import seeding
from pipeline.compute import Machine, autocast
from pipeline.gan import latents
from pipeline.gan.diets.diet import Diet
from pipeline.gan.family import Family, Walks
from pipeline.gan.sampling import images_of, sample

_GAP = 2
_SHORTEST_SIDE = 64
_PAPER = 255


def made(
    family: Family, diet: Diet, label: int, seeds: Sequence[int], machine: Machine
) -> list[NDArray[np.float32]]:
    """Rows of a grid for one class: what the images were made from, if anything, then they.

    Args:
        family: In evaluation mode, on the machine's device.
        diet: Offers what images are made from.
        label: The class index as the family counts them.
        seeds: One an image.
        machine: Device and precision.

    Returns:
        Arrays (n, C, *spatial) in [-1, 1]: source images, masks, and generated images.
    """
    samples = sample(family, diet, [label] * len(seeds), seeds, machine)
    sources = [each.source for each in samples if each.source is not None]
    masks = [each.mask * np.float32(2) - 1 for each in samples if each.mask is not None]
    rows = [images_of(samples)]
    channels = rows[0].shape[1]
    if masks:
        rows.insert(0, np.repeat(np.stack(masks), channels, axis=1))
    if sources:
        rows.insert(0, np.stack(sources))
    return rows


@torch.no_grad()
def walk(
    family: Family, diet: Diet, label: int, seeds: Sequence[int], machine: Machine
) -> NDArray[np.float32] | None:
    """Images on the way from the first seed's latent to the second's; None where there is none.

    As many as there are seeds, (n, C, *spatial).
    """
    if not isinstance(family, Walks):
        return None
    rngs = [torch.Generator(machine.device).manual_seed(seed) for seed in seeds[:2]]
    start, end = family.latents(rngs)
    given = diet.offer(label, seeding.torch_rng(seeds[0], "offer")).given
    with autocast(machine):
        steps = latents.walk(start, end, len(seeds))
        images = [family.decode(step[None], given).images for step in steps]
    return torch.cat(images).float().cpu().contiguous().numpy()


def save_grid(path: Path, rows: Sequence[NDArray[np.float32]]) -> None:
    """Write rows of images as one grid, small images enlarged by whole factors.

    Args:
        path: A .png file, whose directory is made if absent.
        rows: Each (n, C, *spatial) in [-1, 1]; only three channels are shown in colour.
    """
    from PIL import Image

    lines = [_line(row) for row in rows if len(row)]
    width = max(line.shape[1] for line in lines)
    # Wider between rows of volumes than between a volume's slices.
    gap = _GAP * (rows[0].ndim - 3)
    padded = [
        np.pad(line, ((0, gap), (0, width - line.shape[1]), (0, 0)), constant_values=_PAPER)
        for line in lines
    ]
    grid = np.concatenate(padded)[:-gap]
    picture = Image.fromarray(grid if grid.shape[2] == 3 else grid[:, :, 0])
    factor = max(1, -(-_SHORTEST_SIDE // min(rows[0].shape[2:])))
    size = (picture.width * factor, picture.height * factor)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.resize(size, Image.Resampling.NEAREST).save(path)


def _line(row: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Images side by side, (height, width, 1 or 3)."""
    shown = row if row.shape[1] == 3 else row[:, :1]
    grey = np.rint((np.clip(shown, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    tiles = [_tile(image) for image in grey]
    return np.concatenate([part for tile in tiles for part in (_blank(tile, _GAP), tile)][1:], 1)


def _tile(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image, or a volume's middle slices across the last axis, then the others, downwards."""
    if image.ndim == 3:
        return image.transpose(1, 2, 0)
    slices = [
        image.take(length // 2, axis).transpose(1, 2, 0)
        for axis, length in reversed([*enumerate(image.shape)][1:])
    ]
    width = max(each.shape[1] for each in slices)
    level = [
        np.pad(each, ((0, 1), (0, width - each.shape[1]), (0, 0)), constant_values=_PAPER)
        for each in slices
    ]
    return np.concatenate(level)[:-1]


def _blank(beside: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Paper between images."""
    return np.full((len(beside), width, beside.shape[2]), _PAPER, np.uint8)
