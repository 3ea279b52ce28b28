"""The phantom's liver in the portal venous phase: parenchyma, vessels, the edge of the organ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.sources.phantom_scanner import Grid, Volume

FAT_HU, MUSCLE_HU, LUNG_HU = -95.0, 58.0, -780.0


@dataclass(frozen=True)
class Liver:
    """What all lesions of a patient share.

    Args:
        parenchyma_hu: Enhanced liver tissue.
        vessel_hu: Portal and hepatic veins.
        mottle_hu: Standard deviation of the tissue's own texture.
    """

    parenchyma_hu: float
    vessel_hu: float
    mottle_hu: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Liver:
        """Draw a liver; one in six is fatty and therefore dark."""
        fat = rng.uniform(12.0, 28.0) if rng.random() < 1 / 6 else 0.0
        parenchyma = rng.normal(112.0, 8.0) - fat
        return cls(
            parenchyma_hu=float(parenchyma),
            vessel_hu=float(max(parenchyma + 25.0, rng.normal(160.0, 12.0))),
            mottle_hu=float(rng.uniform(2.5, 5.5)),
        )


def liver_around(
    grid: Grid, liver: Liver, lesion_mm: float, *, subcapsular: bool, rng: np.random.Generator
) -> Volume:
    """Draw the surroundings of a lesion, in HU on the grid.

    Args:
        grid: Where to draw.
        liver: The patient's.
        lesion_mm: Radius around the middle that the edge of the organ keeps clear of.
        subcapsular: Whether the edge of the organ is in view.
        rng: Draws texture, vessels and edge.
    """
    fine = waves(grid, (4.0, 12.0), 24, rng=rng)
    coarse = waves(grid, (18.0, 60.0), 10, rng=rng)
    tissue: NDArray[np.floating] = liver.parenchyma_hu + liver.mottle_hu * (
        0.8 * fine + 0.6 * coarse
    )
    tissue = tissue + vessels(grid, rng=rng) * (liver.vessel_hu - tissue)
    if subcapsular:
        tissue = _with_edge(grid, tissue, lesion_mm, rng=rng)
    return np.asarray(tissue, np.float32)


def waves(
    grid: Grid, wavelengths_mm: tuple[float, float], count: int, *, rng: np.random.Generator
) -> Volume:
    """Sum plane waves of random direction into a texture of mean 0 and variance 1."""
    x, y, z = grid.axes
    total = np.zeros(grid.shape, np.float32)
    low, high = np.log(wavelengths_mm)
    for _ in range(count):
        length = np.exp(rng.uniform(low, high))
        kx, ky, kz = direction(rng) * (2 * np.pi / length)
        phase = rng.uniform(0, 2 * np.pi)
        total += np.cos((kx * x + phase) + ky * y + kz * z, dtype=np.float32)
    return total * np.float32(np.sqrt(2.0 / count))


def vessels(grid: Grid, *, rng: np.random.Generator) -> Volume:
    """Draw a few branching tubes as cover between 0 and 1, on the grid."""
    cover = np.zeros(grid.shape, np.float32)
    reach = grid.spacing_mm * max(grid.size) / 2 * 1.2
    for _ in range(int(rng.integers(4, 9))):
        outward = direction(rng)
        radius = float(np.clip(rng.lognormal(np.log(1.9), 0.45), 0.9, 5.0))
        aim = rng.normal(0, 0.45 * reach, 3) - outward * reach
        _tube(grid, cover, outward * reach, aim, radius, 2, rng)
    return cover


def direction(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a unit vector, uniform over directions."""
    vector = rng.normal(size=3)
    return np.asarray(vector / np.linalg.norm(vector))


def _tube(
    grid: Grid,
    cover: Volume,
    start: NDArray[np.float64],
    aim: NDArray[np.float64],
    radius: float,
    branchings: int,
    rng: np.random.Generator,
) -> None:
    """Add a winding, tapering tube from start towards aim, and its branches, to `cover`."""
    nodes = 10
    step = np.linalg.norm(aim - start) / nodes
    fork = int(rng.integers(2, nodes - 2))
    here = start
    for node in range(nodes):
        heading = (aim - here) / max(float(np.linalg.norm(aim - here)), 1e-6) + rng.normal(
            0, 0.28, 3
        )
        there = here + heading / np.linalg.norm(heading) * step
        width = radius * (1 - 0.45 * node / nodes)
        _segment(grid, cover, here, there, width)
        here = there
        if node == fork and branchings and width > 0.7:
            turned = here + (heading + rng.normal(0, 0.6, 3)) * step * (nodes - node)
            _tube(grid, cover, here, turned, 0.72 * width, branchings - 1, rng)


def _segment(
    grid: Grid,
    cover: Volume,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    radius: float,
) -> None:
    """Add a capsule of a radius to `cover`, touching only the grid points near it."""
    near, boxes = [], []
    for axis, positions in enumerate(grid.axes):
        flat, margin = positions.ravel(), radius + grid.step_mm
        low = min(start[axis], end[axis]) - margin
        high = max(start[axis], end[axis]) + margin
        first, last = np.searchsorted(flat, (low, high))
        if first == last:
            return
        boxes.append(slice(int(first), int(last)))
        shape = [1, 1, 1]
        shape[axis] = -1
        near.append(flat[first:last].reshape(shape) - np.float32(start[axis]))
    along = (end - start).astype(np.float32)
    share = sum(offset * part for offset, part in zip(near, along, strict=True))
    share = np.clip(share / max(float(along @ along), 1e-9), 0.0, 1.0)
    squares = sum((offset - share * part) ** 2 for offset, part in zip(near, along, strict=True))
    inside = np.clip((radius - np.sqrt(squares)) / grid.step_mm + 0.5, 0.0, 1.0)
    part_of = cover[boxes[0], boxes[1], boxes[2]]
    np.maximum(part_of, inside, out=part_of)


def _with_edge(
    grid: Grid, tissue: NDArray[np.floating], lesion_mm: float, *, rng: np.random.Generator
) -> Volume:
    """Replace what lies beyond the capsule by lung, or by fat and the muscle of the wall."""
    angle = rng.uniform(0, 2 * np.pi)
    nx, ny, nz = np.cos(angle), np.sin(angle), rng.normal(0, 0.15)
    x, y, z = grid.axes
    outward = nx * x + ny * y + nz * z
    across_squared = (nx * y - ny * x) ** 2 + z**2
    curvature = rng.uniform(0.002, 0.006)
    gap = lesion_mm + rng.uniform(-0.5, 7.0)
    beyond = outward + curvature * across_squared - gap
    beyond = beyond + 0.8 * waves(grid, (25.0, 60.0), 6, rng=rng)
    if rng.random() < 0.2:
        outside = np.full_like(tissue, LUNG_HU)
    else:
        fat_mm, wall_mm = rng.uniform(0.5, 4.0), rng.uniform(5.0, 14.0)
        wall = (beyond > fat_mm) & (beyond < fat_mm + wall_mm)
        outside = np.where(wall, MUSCLE_HU, FAT_HU) + 6.0 * waves(grid, (5.0, 15.0), 12, rng=rng)
    share = np.clip(beyond / grid.step_mm + 0.5, 0.0, 1.0)
    return np.asarray(tissue + share * (outside - tissue), np.float32)
