"""Shape of a region: how large, how round, how long.

Lengths are in millimetres where the spacing is known, else in pixels. The outline is the mesh
through the middle between inside and outside, as the IBSI has it (section 3.1,
arXiv:1612.07003); axes are four times the spread of the pixels along their principal axes.
Names are pyradiomics', of its classes Shape2D and Shape; Eccentricity and Extent scikit-image's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_AXES = ("MajorAxisLength", "MinorAxisLength", "LeastAxisLength")


def shape(mask: NDArray[Any], spacing: NDArray[Any]) -> dict[str, float]:
    """Describe one region.

    Args:
        mask: (*spatial), true inside, with two or three axes.
        spacing: Along each axis.

    Returns:
        Figures by name, every one 0 for an empty region.
    """
    inside = np.asarray(mask, bool)
    spacing = np.asarray(spacing, np.float64)
    size, surface = _measured(inside, spacing)
    axes = _axes(inside, spacing)
    longest = max(float(axes[0]), 1e-12)
    figures = {
        "MeshSize": size,
        "Surface": surface,
        "Sphericity": _sphericity(size, surface, inside.ndim),
        **{name: float(axis) for name, axis in zip(_AXES, axes, strict=False)},
        "Elongation": float(axes[1] / longest),
        "Eccentricity": float(np.sqrt(max(1.0 - (axes[1] / longest) ** 2, 0.0))),
        "Extent": _extent(inside),
    }
    if inside.ndim == 3:
        figures["Flatness"] = float(axes[2] / longest)
    return figures if inside.any() else dict.fromkeys(figures, 0.0)


def _measured(inside: NDArray[np.bool_], spacing: NDArray[np.float64]) -> tuple[float, float]:
    """Area and perimeter, or volume and surface, of the mesh."""
    from skimage import measure

    if not inside.any():
        return 0.0, 0.0
    padded = np.pad(inside.astype(np.float64), 1)
    if inside.ndim == 2:
        outlines = [line * spacing for line in measure.find_contours(padded, 0.5)]
        steps = [np.diff(line, axis=0) for line in outlines]
        # The shoelace formula; holes run the other way round and are taken off.
        doubled = sum(
            (line[:-1, 0] * step[:, 1] - line[:-1, 1] * step[:, 0]).sum()
            for line, step in zip(outlines, steps, strict=True)
        )
        return abs(float(doubled)) / 2.0, float(sum(np.hypot(*step.T).sum() for step in steps))
    corners, faces, _, _ = measure.marching_cubes(
        padded, 0.5, spacing=tuple(spacing), method="lorensen"
    )
    first, second, third = corners[faces].astype(np.float64).transpose(1, 0, 2)
    volume = abs(float(np.einsum("fi,fi->", first, np.cross(second, third)))) / 6.0
    surface = np.linalg.norm(np.cross(second - first, third - first), axis=1).sum() / 2.0
    return volume, float(surface)


def _sphericity(size: float, surface: float, dims: int) -> float:
    """What a disc's perimeter or a ball's surface of the same size is of the region's."""
    if surface <= 0:
        return 0.0
    if dims == 2:
        return float(2.0 * np.sqrt(np.pi * size) / surface)
    return float((36.0 * np.pi * size**2) ** (1 / 3) / surface)


def _axes(inside: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lengths of the principal axes, longest first."""
    places = np.argwhere(inside) * spacing
    if len(places) < 2:
        return np.zeros(inside.ndim)
    centred = places - places.mean(0)
    values = np.linalg.eigvalsh(centred.T @ centred / (len(places) - 1))[::-1]
    lengths: NDArray[np.float64] = 4.0 * np.sqrt(np.clip(values, 0.0, None))
    return lengths


def _extent(inside: NDArray[np.bool_]) -> float:
    """The region's share of its bounding box, in pixels."""
    if not inside.any():
        return 0.0
    places = np.argwhere(inside)
    return float(len(places) / np.prod(np.ptp(places, axis=0) + 1))
