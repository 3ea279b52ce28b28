"""The phantom's lesions: how a cyst, a metastasis and a haemangioma look in the portal phase.

Each kind draws its own shape, edge and inside; sizes and densities overlap between kinds, as they
do in patients: small cysts look denser than water, some metastases are cystic, some haemangiomas
have hardly begun to fill or have filled already. To add a kind: a function and a line in LESIONS.

Source: the appearances that Frid-Adar et al. 2018, arXiv:1803.01229, section 2.1 and figure 1,
classify; densities as usual in radiology teaching.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.sources.phantom_anatomy import Liver, direction, waves
from pipeline.sources.phantom_scanner import Grid, Volume


@dataclass(frozen=True)
class Shape:
    """A lobulated ellipsoid.

    Args:
        radius_mm: Mean radius.
        centre_mm: (3,) from the middle of the grid.
        stretch: (3, 3) rotation and inverse stretching of the ellipsoid.
        lobes: (k, 3) wave vectors over directions.
        phases: (k,) their phases.
        amplitude: How deep the lobes are, relative to the radius.
    """

    radius_mm: float
    centre_mm: NDArray[np.float64]
    stretch: NDArray[np.float64]
    lobes: NDArray[np.float64]
    phases: NDArray[np.float64]
    amplitude: float

    @classmethod
    def draw(
        cls,
        median_mm: float,
        elongation: float,
        amplitude: float,
        frequency: float,
        *,
        rng: np.random.Generator,
    ) -> Shape:
        """Draw a shape.

        Args:
            median_mm: Median radius.
            elongation: Spread of the axes' logarithmic lengths.
            amplitude: Depth of the lobes, relative to the radius.
            frequency: How many lobes go around, roughly.
            rng: Draws everything.
        """
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        lengths = np.exp(rng.normal(0, elongation, 3))
        return cls(
            radius_mm=float(np.clip(rng.lognormal(np.log(median_mm), 0.33), 5.0, 21.0)),
            centre_mm=rng.normal(0, 1.5, 3),
            stretch=(rotation / (lengths / lengths.prod() ** (1 / 3))).T,
            lobes=rng.normal(0, frequency, (8, 3)),
            phases=rng.uniform(0, 2 * np.pi, 8),
            amplitude=amplitude,
        )

    def inside(self, grid: Grid) -> Inside:
        """Measure where every grid point lies in the shape."""
        x, y, z = (a - np.float32(c) for a, c in zip(grid.axes, self.centre_mm, strict=True))
        turned = [row[0] * x + row[1] * y + row[2] * z for row in self.stretch.astype(np.float32)]
        distance = np.sqrt(sum(part * part for part in turned)) + np.float32(1e-3)
        unit = [part / distance for part in turned]
        bumps = np.zeros(grid.shape, np.float32)
        for wave, phase in zip(self.lobes.astype(np.float32), self.phases, strict=True):
            angle = wave[0] * unit[0] + wave[1] * unit[1] + wave[2] * unit[2]
            bumps += np.cos(angle + np.float32(phase))
        bumps *= np.float32(np.sqrt(2.0 / len(self.phases)))
        edge = self.radius_mm * np.exp(self.amplitude * bumps)
        return Inside(self.radius_mm, edge - distance, distance / edge, unit)


@dataclass(frozen=True)
class Inside:
    """Where the points of a grid lie in a lesion; arrays of the grid's shape.

    Args:
        radius_mm: The lesion's mean radius.
        depth_mm: Distance to the edge, positive inside.
        share: Share of the way from the centre to the edge; 1 on the edge.
        unit: Three components of the direction from the centre.
    """

    radius_mm: float
    depth_mm: Volume
    share: Volume
    unit: list[Volume]


@dataclass(frozen=True)
class Lesion:
    """A lesion on a grid; arrays of the grid's shape.

    Args:
        hu: Density, where the cover is not 0.
        cover: Share of the lesion in each point, from 0 to 1.
        mask: Whether a point belongs to it.
        radius_mm: Mean radius.
    """

    hu: Volume
    cover: Volume
    mask: NDArray[np.bool_]
    radius_mm: float


Draw: TypeAlias = Callable[[Grid, Liver, np.random.Generator], Lesion]


def cyst(grid: Grid, liver: Liver, rng: np.random.Generator) -> Lesion:
    """Water behind a thin wall: dark, homogeneous, round, sharp; one in eight holds debris."""
    inside = Shape.draw(9.5, 0.10, 0.04, 1.2, rng=rng).inside(grid)
    density = rng.uniform(0.0, 20.0)
    # Beam hardening lifts small cysts between enhanced tissue ("pseudo-enhancement").
    density += liver.parenchyma_hu * rng.uniform(0.0, 1.0) / inside.radius_mm
    if rng.random() < 1 / 8:
        density += rng.uniform(12.0, 35.0)
    hu = np.full(grid.shape, density, np.float32) + 2.0 * waves(grid, (10.0, 30.0), 6, rng=rng)
    return _composed(inside, hu, rng.uniform(0.3, 0.7))


def metastasis(grid: Grid, liver: Liver, rng: np.random.Generator) -> Lesion:
    """Hypo-attenuating, irregular, ill-defined; often a brighter rim and a necrotic core."""
    inside = Shape.draw(11.5, 0.18, rng.uniform(0.05, 0.16), 2.6, rng=rng).inside(grid)
    base = min(rng.uniform(40.0, 80.0), liver.parenchyma_hu - 28.0)
    if rng.random() < 1 / 7:  # mucinous or cystic
        base = rng.uniform(18.0, 38.0)
    hu = base + rng.uniform(3.0, 9.0) * waves(grid, (4.0, 16.0), 16, rng=rng)
    if rng.random() < 0.55:
        reach = rng.uniform(0.4, 0.75)
        uneven = inside.share + 0.12 * waves(grid, (8.0, 20.0), 8, rng=rng)
        hu -= rng.uniform(10.0, 32.0) * _rise((reach - uneven) / 0.12)
    if rng.random() < 0.55:
        level = min(liver.parenchyma_hu + rng.uniform(-22.0, 28.0), liver.vessel_hu)
        thickness = rng.uniform(1.2, 3.0)
        ring = np.exp(-(((inside.depth_mm - thickness) / thickness) ** 2))
        patchy = 0.75 + 0.25 * np.clip(waves(grid, (10.0, 25.0), 6, rng=rng), -1, 1)
        hu += (level - hu) * ring * patchy
    return _composed(inside, hu, rng.uniform(0.6, 1.8))


def haemangioma(grid: Grid, liver: Liver, rng: np.random.Generator) -> Lesion:
    """Nodules at the periphery as bright as vessels, not joined into a ring, filling inwards."""
    inside = Shape.draw(11.5, 0.15, rng.uniform(0.05, 0.12), 2.2, rng=rng).inside(grid)
    filled = rng.beta(1.1, 1.8)
    blood = liver.vessel_hu * rng.uniform(0.9, 1.02)
    base = min(rng.uniform(42.0, 78.0), liver.parenchyma_hu - 28.0)
    hu = base + rng.uniform(3.0, 7.0) * waves(grid, (5.0, 18.0), 12, rng=rng)
    bright = np.zeros(grid.shape, np.float32)
    for _ in range(int(rng.integers(9, 16))):
        size = rng.uniform(0.14, 0.28) * (1 + filled)
        place = direction(rng) * (1.0 - rng.uniform(0.4, 1.0) * size)
        gap = sum((inside.share * u - p) ** 2 for u, p in zip(inside.unit, place, strict=True))
        np.maximum(bright, _rise((size - np.sqrt(gap)) / 0.07), out=bright)
    hu += (0.25 * filled + (1 - 0.25 * filled) * bright * rng.uniform(0.8, 1.0)) * (blood - hu)
    return _composed(inside, hu, rng.uniform(0.4, 0.9))


LESIONS: Mapping[str, Draw] = {
    "cyst": cyst,
    "metastasis": metastasis,
    "haemangioma": haemangioma,
}


def _composed(inside: Inside, hu: Volume, edge_mm: float) -> Lesion:
    cover = _rise(inside.depth_mm / edge_mm)
    return Lesion(hu.astype(np.float32), cover, inside.depth_mm > 0, inside.radius_mm)


def _rise(value: NDArray[np.floating]) -> Volume:
    """Go smoothly from 0 to 1, with 1/2 at 0."""
    return np.asarray(0.5 + 0.5 * np.tanh(value), np.float32)
