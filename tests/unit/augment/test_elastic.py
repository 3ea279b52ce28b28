"""Elastic displacement is a uniform cubic B-spline that never folds."""

from __future__ import annotations

import pytest
import torch

from pipeline.augment.elastic import displacement_field, greatest_elastic

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


@pytest.mark.parametrize("spatial_dims", [2, 3])
class TestFolding:
    """The limit of Choi and Lee, at the control points that come nearest to folding."""

    def test_nothing_folds_below_the_limit(self, spatial_dims):
        """Below the limit even the worst control points keep the order of pixels."""
        assert least_determinant(spatial_dims, 0.99 * greatest_elastic(spatial_dims)) > 0

    def test_it_does_fold_well_above(self, spatial_dims):
        """At one and a half times the limit the same search does find a fold."""
        assert least_determinant(spatial_dims, 1.5 * greatest_elastic(spatial_dims)) < 0


def least_determinant(spatial_dims, greatest):
    """The least local change of volume that control points of this size can bring about.

    The determinant is affine in each control point, so its least value has all of them at one of
    their ends, and setting every sign against the gradient, again and again, descends to one.
    """
    least = float("inf")
    for offset in range(0, 5, 2):  # along the diagonal, from a knot to the middle of its cell
        for seed in range(4):
            signs = torch.Generator().manual_seed(seed)
            control = torch.rand(1, spatial_dims, *([7] * spatial_dims), generator=signs) - 0.5
            control = greatest * control.sign()
            for _ in range(10):
                control.requires_grad_()
                value = determinant(control, spatial_dims, 16 + offset)
                (gradient,) = torch.autograd.grad(value, control)
                control = torch.where(gradient == 0, control.detach(), -greatest * gradient.sign())
            least = min(least, float(determinant(control, spatial_dims, 16 + offset)))
    return least


def determinant(control, spatial_dims, at):
    """The Jacobian determinant of the displaced positions at a pixel of the diagonal."""
    length = 32
    field = displacement_field(control, (length,) * spatial_dims)[0] * length
    here = [at] * spatial_dims
    columns = []
    for axis in range(spatial_dims):
        after, before = list(here), list(here)
        after[axis] += 1
        before[axis] -= 1
        columns.append((field[(..., *after)] - field[(..., *before)]) / 2)
    return torch.linalg.det(torch.eye(spatial_dims) + torch.stack(columns, -1))
