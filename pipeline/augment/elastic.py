"""Elastic displacement: a coarse lattice of control points, interpolated by cubic B-splines."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from pipeline.augment.precision import precise_dtype

_CELLS = 4  # spans of the lattice over the field of view
CONTROL = _CELLS + 3  # control points along each axis: a cubic reaches one before and two after
# Choi and Lee 2000, Graphical Models 62: a uniform cubic B-spline displacement cannot fold while
# every control point moves by less than the control spacing over these constants.
_INJECTIVITY = {2: 2.046392675, 3: 2.479472335}


def greatest_elastic(spatial_dims: int) -> float:
    """The share of the field of view below which no elastic displacement folds the image."""
    return 1.0 / (_CELLS * _INJECTIVITY[spatial_dims])


def displacement_field(displacement: Tensor, size: tuple[int, ...]) -> Tensor:
    """Interpolate control points (N, D, *control) to (N, D, *size) by uniform cubic B-splines.

    In double precision until the end: a product's order of sums depends on the batch, which single
    precision would show.

    Source: Rueckert et al. 1999, IEEE TMI 18(8), equation 2.
    """
    field = displacement.to(precise_dtype(displacement))
    for axis, length in enumerate(size, start=2):
        weights = _spline_weights(length).to(field)
        field = torch.movedim(torch.movedim(field, axis, -1) @ weights.T, -1, axis)
    return field.float()


@lru_cache(maxsize=16)
def _spline_weights(length: int) -> Tensor:
    """Weights (length, control) of the control points at each pixel's centre."""
    at = (torch.arange(length, dtype=torch.float64) + 0.5) / length * _CELLS
    cell = at.floor()
    t = at - cell
    taps = [
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    ]
    weights = torch.zeros(length, CONTROL, dtype=torch.float64)
    for step, tap in enumerate(taps):
        weights.scatter_(1, (cell.long() + step)[:, None], tap[:, None])
    return weights
