"""Elastic displacement is a uniform cubic B-spline that never folds."""

from __future__ import annotations

import pytest
import torch

from pipeline.augment.elastic import displacement_field, greatest_elastic
from pipeline.augment.spatial import SpatialParameters, sampling_positions

SIZES = [(16, 21), (11, 12, 9)]


@pytest.mark.parametrize("size", SIZES)
class TestElastic:
    """The displacement field is a uniform cubic B-spline."""

    def test_equal_control_points_translate(self, size):
        """The spline's weights sum to one, so equal control points move all by as much."""
        dims = len(size)
        field = displacement_field(torch.full((1, dims, *([7] * dims)), 0.03), size)
        assert torch.allclose(field, torch.full_like(field, 0.03), atol=1e-7)

    def test_linear_control_points_stretch_evenly(self, size):
        """A cubic B-spline reproduces straight lines."""
        dims = len(size)
        ramp = torch.arange(7.0).view(7, *([1] * (dims - 1))).expand(1, 1, *([7] * dims))
        steps = displacement_field(ramp, size)[0, 0].diff(dim=0)
        # Four cells span the axis: each pixel is 4 / length control points on.
        assert torch.allclose(steps, torch.full_like(steps, 4 / size[0]), atol=1e-5)

    def test_nothing_folds_below_the_limit(self, size):
        """With every control point at its worst below the limit, no two pixels change order."""
        dims = len(size)
        control = torch.ones(1, dims, *([7] * dims))
        places = torch.cartesian_prod(*[torch.arange(7)] * dims).view(*([7] * dims), dims)
        control *= torch.where(places.sum(-1) % 2 == 0, 1.0, -1.0)
        limit = greatest_elastic(dims) * 0.99
        parameters = SpatialParameters(
            angles=torch.zeros(1, 1 if dims == 2 else 3),
            translation=torch.zeros(1, dims),
            scale=torch.ones(1, dims),
            flips=torch.zeros(1, dims, dtype=torch.bool),
            displacement=control * limit,
        )
        positions = sampling_positions(parameters, (40,) * dims)
        gradients = [torch.stack(torch.gradient(each[0]), -1) for each in positions]
        jacobian = torch.linalg.det(torch.stack(gradients, -1))
        assert float(jacobian.min()) > 0
