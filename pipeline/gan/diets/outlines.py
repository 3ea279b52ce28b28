"""Masks that no patient has: real ones warped a little, or drawn after the real ones' likeness.

A drawn mask is an ellipsoid with bumps. Place, size, elongation and orientation of a class's masks
are summed up by their centres and the logarithms of their second moments, whose mean and
covariance a drawn one follows; how far real masks leave their own ellipsoids says how large the
bumps are.

Sources: means of logarithms of positive definite matrices: Arsigny et al. 2006, Magnetic
Resonance in Medicine 56(2), section 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from pipeline.augment.spatial import SpatialRanges, apply_spatial, draw_spatial

_TURN_DEGREES = 30.0
_SHIFT = 0.06
_GROWTH = 0.25
_BEND = 0.08
_SMALLEST_SHARE = 0.25
_BUMPS = 8
_WAVES = 3.0


def warped(masks: Tensor, strength: float, *, rng: Generator, spacing: Tensor) -> Tensor:
    """Turn, move, scale and bend masks a little, each by parameters of its own.

    One that would lose three quarters of its pixels over the border stays as it is.

    Args:
        masks: (N, 1, *spatial) of 0 and 1.
        strength: 0 changes nothing; 1 turns by up to 30 degrees, moves by 6 % of each axis,
            scales by up to 1.25 and bends by 8 %.
        rng: On the CPU.
        spacing: (N, D) of the pixels, so that turning is rigid in the patient.
    """
    ranges = SpatialRanges(
        rotation_degrees=strength * _TURN_DEGREES,
        translation=strength * _SHIFT,
        scale=strength * _GROWTH,
        elastic=strength * _BEND,
    )
    parameters = draw_spatial(len(masks), masks.ndim - 2, ranges, rng=rng)
    moved = apply_spatial(masks, parameters, padding="border", spacing=spacing)
    moved = (moved > 0.5).to(masks.dtype)
    before, after = masks.flatten(1).sum(1), moved.flatten(1).sum(1)
    lost = (after < _SMALLEST_SHARE * before).view(-1, *[1] * (masks.ndim - 1))
    return torch.where(lost, masks, moved)


@dataclass(frozen=True)
class Outlines:
    """The likeness of one class's masks.

    Args:
        size: *spatial.
        filled: Share of masks that hold anything.
        moments: (M, D + D^2) in float64: centre, in shares of each axis, and the logarithm of the
            second moments, in pixels, of each mask that does.
        roughness: Standard deviation of the bumps, in logarithms of the radius.
    """

    size: tuple[int, ...]
    filled: float
    moments: Tensor
    roughness: float

    @classmethod
    def of(cls, masks: Tensor) -> Outlines:
        """Sum up masks (N, 1, *spatial) of 0 and 1."""
        size = tuple(masks.shape[2:])
        full = [mask[0] > 0 for mask in masks if bool(mask.any())]
        found, outside = [], []
        for mask in full:
            centre, second = _moments(mask)
            logarithm = _through(second, torch.log)
            found.append(torch.cat([centre / torch.tensor(size), logarithm.flatten()]))
            inside = _radius(size, centre, second) <= 1.0
            outside.append(float((mask & ~inside).sum() / mask.sum()))
        dims = len(size)
        moments = torch.stack(found) if found else torch.zeros(0, dims + dims**2)
        # Of a boundary whose logarithmic radius is normal with deviation s, a share of
        # D s / sqrt(2 pi) of the ellipsoid's volume lies outside it.
        mean = sum(outside) / max(1, len(outside))
        roughness = mean * math.sqrt(2.0 * math.pi) / dims
        return cls(size, len(full) / max(1, len(masks)), moments.double(), roughness)

    def draw(self, rng: Generator) -> Tensor:
        """Draw a mask (1, 1, *spatial) of 0 and 1, in float32; `rng` is on the CPU."""
        if len(self.moments) == 0 or float(torch.rand((), generator=rng)) >= self.filled:
            return torch.zeros(1, 1, *self.size)
        dims, count = len(self.size), len(self.moments)
        mean = self.moments.mean(0)
        # Normal weights of the deviations: normal, with their very covariance.
        weights = torch.randn(count, generator=rng, dtype=torch.float64)
        drawn = mean + weights @ (self.moments - mean) / math.sqrt(max(1, count - 1))
        centre = drawn[:dims] * torch.tensor(self.size)
        edges = torch.tensor(self.size, dtype=torch.float64) - 1.0
        centre = torch.minimum(centre.clamp(min=0.0), edges)
        second = _through(drawn[dims:].view(dims, dims), torch.exp)
        mask = _radius(self.size, centre, second, self._bumps(rng)) <= 1.0
        # An ellipsoid thinner than a pixel may miss every pixel's centre.
        mask[tuple(centre.round().long())] = True
        return mask[None, None].float()

    def _bumps(self, rng: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Amplitudes, wave vectors and phases of smooth waves over directions."""
        dims = len(self.size)
        amplitudes = torch.randn(_BUMPS, generator=rng, dtype=torch.float64)
        waves = _WAVES * torch.randn(_BUMPS, dims, generator=rng, dtype=torch.float64)
        phases = 2.0 * math.pi * torch.rand(_BUMPS, generator=rng, dtype=torch.float64)
        # A wave's mean square is one half.
        return amplitudes * self.roughness * math.sqrt(2.0 / _BUMPS), waves, phases


def _moments(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (D,) and second central moments (D, D) of a mask's pixels, each a unit cube."""
    at = mask.nonzero().double()
    centre = at.mean(0)
    off = at - centre
    return centre, off.T @ off / len(at) + torch.eye(at.shape[1], dtype=torch.float64) / 12.0


def _through(symmetric: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply a function to a symmetric matrix's eigenvalues."""
    values, vectors = torch.linalg.eigh(symmetric)
    changed: Tensor = vectors @ torch.diag(function(values)) @ vectors.T
    return changed


def _radius(
    size: tuple[int, ...],
    centre: Tensor,
    second: Tensor,
    bumps: tuple[Tensor, Tensor, Tensor] | None = None,
) -> Tensor:
    """How far each pixel is from a centre, (*size), 1 on the border of the ellipsoid.

    A full ellipsoid's second moments are its squared half axes over D + 2.
    """
    axes = [torch.arange(length, dtype=torch.float64) for length in size]
    off = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1) - centre
    whitened = off @ _through(second * (len(size) + 2), lambda values: values.rsqrt())
    radius: Tensor = torch.linalg.vector_norm(whitened, dim=-1)
    if bumps is None:
        return radius
    amplitudes, waves, phases = bumps
    directions = whitened / radius.clamp(min=1e-9)[..., None]
    bumped: Tensor = radius / (torch.cos(directions @ waves.T + phases) @ amplitudes).exp()
    return bumped
