"""Spatial transforms: exact where they can be, and MONAI's values at the same parameters."""

from __future__ import annotations

import math

import monai.transforms
import numpy as np
import pytest
import torch
from monai.networks.blocks import Warp

from pipeline.augment.elastic import displacement_field
from pipeline.augment.spatial import (
    SpatialParameters,
    SpatialRanges,
    apply_spatial,
    draw_spatial,
)

# Coordinates of up to 20 pixels in single precision are right to 20 * 2^-23 = 2.4e-6 of a pixel,
# a handful of operations to about 1e-5, and images in [-1, 1] change by at most 2 a pixel and axis.
TOLERANCE = 1e-4


def noise(*shape, seed=0):
    """White noise in [-1, 1]: the hardest image for an interpolation to agree on."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def still(n, dims):
    """Parameters that move nothing."""
    return {
        "angles": torch.zeros(n, 1 if dims == 2 else 3),
        "translation": torch.zeros(n, dims),
        "scale": torch.ones(n, dims),
        "flips": torch.zeros(n, dims, dtype=torch.bool),
    }


def moving(n, dims, **values):
    """Parameters that move nothing but what is given, one row for all images."""
    rows = {name: torch.as_tensor(value).expand(n, -1) for name, value in values.items()}
    return SpatialParameters(**{**still(n, dims), **rows})


SIZES = [(16, 21), (11, 12, 9)]


@pytest.mark.parametrize("size", SIZES)
class TestExactly:
    """What needs no interpolation is exact."""

    def test_zero_ranges_are_the_identity(self, size):
        """Nothing drawn gives the images themselves back."""
        images = noise(3, 2, *size)
        drawn = draw_spatial(3, len(size), SpatialRanges(), rng=torch.Generator().manual_seed(0))
        assert torch.equal(apply_spatial(images, drawn), images)

    def test_flips_are_torch_flips(self, size):
        """Each image is flipped along its own axes, and back by the same again."""
        dims = len(size)
        images = noise(4, 1, *size)
        rng = torch.Generator().manual_seed(3)
        drawn = draw_spatial(4, dims, SpatialRanges(flip=tuple(range(dims))), rng=rng)
        flipped = apply_spatial(images, drawn)
        assert drawn.flips.any() and not drawn.flips.all()
        for index in range(4):
            axes = [axis + 1 for axis in range(dims) if drawn.flips[index, axis]]
            assert torch.equal(flipped[index], images[index].flip(axes))
        assert torch.equal(apply_spatial(flipped, drawn), images)

    def test_images_that_rest_are_exact_beside_others_that_move(self, size):
        """An image of a batch that does not move is copied, whatever its neighbours do."""
        dims = len(size)
        images = noise(2, 1, *size)
        values = still(2, dims)
        values["angles"][1] = 0.3
        moved = apply_spatial(images, SpatialParameters(**values))
        assert torch.equal(moved[0], images[0])
        assert not torch.allclose(moved[1], images[1], atol=0.1)

    def test_whole_pixel_translation_moves_content_forward(self, size):
        """Content moves towards higher indices by the given share of the field of view."""
        dims = len(size)
        images = noise(1, 1, *size)
        shift = [2 / length for length in size]
        moved = apply_spatial(images, moving(1, dims, translation=shift))
        inner = (..., *([slice(2, None)] * dims))
        outer = (..., *([slice(None, -2)] * dims))
        assert torch.allclose(moved[inner], images[outer], atol=TOLERANCE)


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_right_angles_are_rot90(quarter):
    """In 2D a positive angle turns from the first axis to the second, as torch.rot90."""
    images = noise(2, 1, 15, 15)
    turned = apply_spatial(images, moving(2, 2, angles=[quarter * math.pi / 2]))
    assert torch.allclose(turned, torch.rot90(images, quarter, (2, 3)), atol=1e-5)


@pytest.mark.parametrize(("axis", "plane"), [(0, (3, 4)), (1, (4, 2)), (2, (2, 3))])
def test_right_angles_about_each_axis_are_rot90(axis, plane):
    """In 3D a positive angle is right-handed about its axis."""
    images = noise(1, 1, 8, 8, 8)
    angles = [0.0, 0.0, 0.0]
    angles[axis] = math.pi / 2
    turned = apply_spatial(images, moving(1, 3, angles=angles))
    assert torch.allclose(turned, torch.rot90(images, 1, plane), atol=1e-5)


def test_anisotropic_pixels_rotate_rigidly():
    """Turned by a right angle, a bar of 8 by 2 mm stays so although pixels are 2 by 1 mm."""
    images = torch.full((1, 1, 16, 32), -1.0)
    images[..., 6:10, 15:17] = 1.0  # 4 rows of 2 mm by 2 columns of 1 mm
    turn = moving(1, 2, angles=[math.pi / 2])
    spacing = torch.tensor([[2.0, 1.0]])
    turned = apply_spatial(images, turn, spacing=spacing, mode="nearest")
    rows, columns = torch.nonzero(turned[0, 0] > 0, as_tuple=True)
    assert (rows.unique().numel() * 2.0, columns.unique().numel() * 1.0) == (2.0, 8.0)


@pytest.mark.parametrize("size", SIZES)
class TestAgainstMonai:
    """MONAI 1.6 at the same parameters.

    MONAI's parameters move the sampling grid and ours the content, so its angles and translations
    have the opposite sign and its affine scale is the reciprocal. Its translations are in pixels.
    Both rotate about the image's centre, between pixels where a length is even, and a pixel is a
    point at its centre: MONAI's default align_corners=False scales the grid to match.
    """

    def test_rotate(self, size):
        """Rotate, with the size kept."""
        dims = len(size)
        angles = [0.4] if dims == 2 else [0.4, -0.7, 0.2]
        images = noise(1, 2, *size)
        ours = apply_spatial(images, moving(1, dims, angles=angles), padding="border")
        # MONAI applies Rx @ Ry @ Rz of negated angles to the grid, the inverse of turning the
        # content about axis 0, then 1, then 2.
        other = monai.transforms.Rotate(
            [-angle for angle in angles] if dims == 3 else -angles[0],
            keep_size=True,
            padding_mode="border",
            align_corners=False,
        )(images[0])
        assert torch.allclose(ours[0], other.as_tensor(), atol=TOLERANCE)

    def test_flip(self, size):
        """Flip."""
        axis = len(size) - 1
        images = noise(1, 1, *size)
        flips = [each == axis for each in range(len(size))]
        ours = apply_spatial(images, moving(1, len(size), flips=flips))
        assert torch.equal(ours[0], monai.transforms.Flip(axis)(images[0]).as_tensor())

    @pytest.mark.parametrize("scale", [0.8, 1.25])
    def test_zoom(self, size, scale):
        """Scale, as a zoom about the centre (MONAI's Zoom resizes to whole pixels; Affine not)."""
        dims = len(size)
        images = noise(1, 1, *size)
        ours = apply_spatial(images, moving(1, dims, scale=[scale] * dims))
        other = monai.transforms.Affine(
            scale_params=(1 / scale,) * dims, padding_mode="reflection", image_only=True
        )(images[0])
        assert torch.allclose(ours[0], other.as_tensor(), atol=TOLERANCE)

    @pytest.mark.parametrize(
        ("mode", "padding"),
        [("bilinear", "reflection"), ("bilinear", "border"), ("nearest", "border")],
    )
    def test_all_at_once(self, size, mode, padding):
        """Rotation, translation, scale and flips in one interpolation: MONAI's Affine."""
        dims = len(size)
        images = noise(1, 1, *size)
        angles = [0.3] if dims == 2 else [0.3, 0.5, -0.2]
        shares = [0.07, -0.11, 0.05][:dims]
        scales = [1.1, 0.9, 1.2][:dims]
        flips = [True, False, True][:dims]
        parameters = moving(1, dims, angles=angles, translation=shares, scale=scales, flips=flips)
        ours = apply_spatial(images, parameters, mode=mode, padding=padding)
        # MONAI's grid goes through rotate @ translate @ scale; a flip is a negative scale there.
        other = monai.transforms.Affine(
            rotate_params=[-angle for angle in angles],
            translate_params=[-share * length for share, length in zip(shares, size, strict=True)],
            scale_params=[
                (-1 if flip else 1) / scale for flip, scale in zip(flips, scales, strict=True)
            ],
            mode=mode,
            padding_mode=padding,
            image_only=True,
        )(images[0])
        difference = (ours[0] - other.as_tensor()).abs()
        if mode == "nearest":  # a read within rounding of the middle may go to either neighbour
            assert float((difference > TOLERANCE).float().mean()) < 0.005
        else:
            assert float(difference.max()) < TOLERANCE

    @pytest.mark.filterwarnings("ignore:.*native grid_sample:UserWarning")  # uncompiled MONAI
    def test_elastic(self, size):
        """A displacement of the grid: MONAI's Warp by the same dense field in pixels."""
        dims = len(size)
        images = noise(1, 1, *size)
        displacement = 0.05 * noise(1, dims, *([7] * dims), seed=1)
        parameters = SpatialParameters(**still(1, dims), displacement=displacement)
        ours = apply_spatial(images, parameters, padding="border")
        lengths = torch.tensor(size).view(1, -1, *([1] * dims))
        field = displacement_field(displacement, size) * lengths
        # Warp normalises with align_corners=True throughout, which reads the same pixels.
        other = Warp(mode="bilinear", padding_mode="border")(images, field)
        assert torch.allclose(ours, other, atol=TOLERANCE)


class TestDrawing:
    """Draws stay in their ranges, fill them, and are independent of the batch where asked."""

    def test_ranges(self):
        """Every parameter stays within its range and comes near both ends."""
        ranges = SpatialRanges(30.0, (0,), 0.1, 0.25, 0.05)
        drawn = draw_spatial(4000, 2, ranges, rng=torch.Generator().manual_seed(0))
        bounds = {
            "angles": (-math.radians(30), math.radians(30)),
            "translation": (-0.1, 0.1),
            "scale": (0.8, 1.25),
            "displacement": (-0.05, 0.05),
        }
        for name, (low, high) in bounds.items():
            values = getattr(drawn, name)
            # All of 4,000 draws miss a hundredth of the range at one end once in e^40.
            margin = 0.01 * (high - low)
            assert low - 1e-6 <= float(values.min()) < low + margin, name
            assert high - margin < float(values.max()) <= high + 1e-6, name
        assert not drawn.flips[:, 1].any()
        # 5 standard deviations of a share of 4,000 fair coins: 5 * sqrt(0.25 / 4000) = 0.04.
        assert abs(float(drawn.flips[:, 0].float().mean()) - 0.5) < 0.04

    def test_chosen_axes_of_rotation(self):
        """In 3D an axis with no angle is not rotated about."""
        ranges = SpatialRanges(rotation_degrees=(90.0, 0.0, 0.0))
        angles = draw_spatial(50, 3, ranges, rng=torch.Generator().manual_seed(0)).angles
        assert float(angles[:, 0].abs().max()) > 1
        assert not angles[:, 1:].any()

    @pytest.mark.parametrize("size", [(27, 19), (9, 10, 7)])
    def test_one_generator_an_image_makes_it_independent(self, size):
        """An image's draws and pixels are the same alone and in a batch."""
        dims = len(size)
        images = noise(5, 1, *size)
        ranges = SpatialRanges(40.0, tuple(range(dims)), 0.1, 0.2, 0.04)
        together = apply_spatial(
            images,
            draw_spatial(5, dims, ranges, rng=[np.random.default_rng(i) for i in range(5)]),
        )
        for index in range(5):
            drawn = draw_spatial(1, dims, ranges, rng=[np.random.default_rng(index)])
            alone = apply_spatial(images[index : index + 1], drawn)
            assert torch.equal(alone[0], together[index])

    def test_generators_must_fit_the_images(self):
        """Two generators cannot draw for three images."""
        with pytest.raises(ValueError, match="2 generators for 3 images"):
            draw_spatial(3, 2, SpatialRanges(), rng=[np.random.default_rng(i) for i in range(2)])

    @pytest.mark.parametrize(
        ("ranges", "message"),
        [
            (SpatialRanges(rotation_degrees=(10.0, 10.0)), "rotation_degrees: give one angle or 3"),
            (SpatialRanges(flip=(3,)), "flip: got .* 0 to 2"),
            (SpatialRanges(elastic=0.11), "elastic: got 0.11, which can fold; stay below 0.101"),
        ],
    )
    def test_ranges_must_fit_the_images(self, ranges, message):
        """A range for other axes, or one that folds the image, is refused by name."""
        with pytest.raises(ValueError, match=message):
            draw_spatial(1, 3, ranges, rng=torch.Generator())
