"""Rotation, flip, translation, scale and elastic displacement in one interpolation, 2D and 3D.

`draw_spatial` draws the parameters of a batch, `apply_spatial` applies them: the same parameters
always give the same pixels. A point of the content at x, in pixels from the image's centre, goes to

    y + d(y) = flip(scale * (rotate(x) + translation))

with d the elastic displacement, so an output pixel y reads the input at the x that solves this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.augment.draws import Rng, uniform
from pipeline.augment.elastic import CONTROL, displacement_field, greatest_elastic
from pipeline.augment.interpolation import Mode, Padding, interpolate
from pipeline.augment.precision import precise_dtype

_CACHED = 2**17  # pixels, of which a few dozen copies are made on the way


@dataclass(frozen=True)
class SpatialRanges:
    """How far each parameter may go; zeros draw nothing.

    Args:
        rotation_degrees: Greatest angle, one for all, or in 3D one an axis (0: not about it).
        flip: Spatial axes that are flipped with probability one half, counted from 0.
        translation: Greatest shift along each axis, as a share of the field of view.
        scale: Enlargement is log-uniform between 1 / (1 + scale) and 1 + scale, equal on all axes.
        elastic: Greatest shift of a control point, as a share of the field of view.
    """

    rotation_degrees: float | tuple[float, ...] = 0.0
    flip: tuple[int, ...] = ()
    translation: float = 0.0
    scale: float = 0.0
    elastic: float = 0.0


@dataclass(frozen=True)
class SpatialParameters:
    """What happens to each image of a batch.

    Args:
        angles: (N, 1) or (N, 3) radians. 2D: from the first axis towards the second, as
            `torch.rot90`. 3D: about axis 0, then 1, then 2, right-handed.
        translation: (N, D) shift of the content, as a share of the field of view.
        scale: (N, D) enlargement of the content.
        flips: (N, D) bool.
        displacement: (N, D, *control) of control points, as a share of the field of view, or None.
    """

    angles: Tensor
    translation: Tensor
    scale: Tensor
    flips: Tensor
    displacement: Tensor | None = None

    def take(self, rows: Tensor | slice) -> SpatialParameters:
        """The parameters of some images, by a boolean mask, positions or a slice."""
        return SpatialParameters(
            self.angles[rows],
            self.translation[rows],
            self.scale[rows],
            self.flips[rows],
            None if self.displacement is None else self.displacement[rows],
        )


def draw_spatial(
    n: int, spatial_dims: int, ranges: SpatialRanges, *, rng: Rng
) -> SpatialParameters:
    """Draw the parameters of n images.

    Args:
        n: Number of images.
        spatial_dims: 2 or 3.
        ranges: How far to go.
        rng: One generator, or n, one an image.

    Raises:
        ValueError: If a range does not fit the number of axes, or could fold the image.
    """
    check_ranges(ranges, spatial_dims)
    turns = 1 if spatial_dims == 2 else 3
    drawn = uniform(rng, n, (turns + 2 * spatial_dims + 1,))
    angles, moves, grows, flips = torch.split(drawn, [turns, spatial_dims, 1, spatial_dims], dim=1)
    degrees = ranges.rotation_degrees
    limits = degrees if isinstance(degrees, tuple) else (degrees,) * turns
    axes = torch.zeros(spatial_dims, dtype=torch.bool, device=drawn.device)
    axes[list(ranges.flip)] = True
    displacement = None
    if ranges.elastic > 0:
        control = (CONTROL,) * spatial_dims
        displacement = ranges.elastic * (2 * uniform(rng, n, (spatial_dims, *control)) - 1)
    return SpatialParameters(
        angles=(2 * angles - 1) * torch.tensor([math.radians(each) for each in limits]).to(drawn),
        translation=(2 * moves - 1) * ranges.translation,
        scale=torch.exp((2 * grows - 1) * math.log1p(ranges.scale)).expand(n, spatial_dims),
        flips=(flips < 0.5) & axes,
        displacement=displacement,
    )


def check_ranges(ranges: SpatialRanges, spatial_dims: int) -> None:
    """Refuse ranges that do not fit the number of axes, or could fold the image.

    Raises:
        ValueError: Starting with the range's name.
    """
    if isinstance(ranges.rotation_degrees, tuple):
        turns = 1 if spatial_dims == 2 else 3
        if len(ranges.rotation_degrees) != turns:
            raise ValueError(f"rotation_degrees: give one angle or {turns} in {spatial_dims}D")
    if any(not 0 <= axis < spatial_dims for axis in ranges.flip):
        raise ValueError(f"flip: got {ranges.flip}; the axes are 0 to {spatial_dims - 1}")
    if ranges.elastic >= greatest_elastic(spatial_dims):
        limit = greatest_elastic(spatial_dims)
        raise ValueError(f"elastic: got {ranges.elastic}, which can fold; stay below {limit:.3f}")


def apply_spatial(
    images: Tensor,
    parameters: SpatialParameters,
    *,
    mode: Mode = "bilinear",
    padding: Padding = "reflection",
    spacing: Tensor | None = None,
) -> Tensor:
    """Apply parameters to a batch, with at most one interpolation.

    Images that are only flipped, or not moved at all, are copied exactly.

    Args:
        images: (N, C, *spatial), any float type; masks too, with `mode="nearest"`.
        parameters: Of N images.
        mode: Interpolation; `bilinear` is trilinear in 3D.
        padding: What lies beyond the border.
        spacing: (N, D) pixel spacing along each axis in any unit, so that rotation is rigid in the
            patient; None for isotropic pixels.

    Returns:
        The moved images, the same shape and type.
    """
    moved = _moved(parameters)
    if not bool(moved.any()):
        return _flipped(images, parameters.flips)
    if bool(moved.all()):
        return _sampled(images, parameters, mode, padding, spacing)
    rows = moved.nonzero().squeeze(1)
    between = None if spacing is None else spacing[rows.to(spacing.device)]
    there = rows.to(images.device)
    some = _sampled(images[there], parameters.take(rows), mode, padding, between)
    return _flipped(images, parameters.flips).index_copy(0, there, some)


def sampling_positions(
    parameters: SpatialParameters, size: tuple[int, ...], spacing: Tensor | None = None
) -> list[Tensor]:
    """Where each output pixel reads: for each axis, (N, *size) positions in pixels.

    Written out per element instead of as a matrix product, whose rounding depends on the batch.
    """
    dims = len(size)
    matrix, offset = _affine(parameters, size, spacing)
    centred = _centred(parameters, size)
    column = (-1, *([1] * dims))
    positions = []
    for row in range(dims):
        read = offset[:, row].view(column)
        for axis in range(dims):
            read = read + matrix[:, row, axis].view(column) * centred[axis]
        positions.append(read)
    return positions


def _moved(parameters: SpatialParameters) -> Tensor:
    moved = (parameters.angles != 0).any(1) | (parameters.translation != 0).any(1)
    moved = moved | (parameters.scale != 1).any(1)
    if parameters.displacement is not None:
        moved = moved | (parameters.displacement != 0).flatten(1).any(1)
    return moved


def _flipped(images: Tensor, flips: Tensor) -> Tensor:
    for axis in range(flips.shape[1]):
        chosen = flips[:, axis].to(images.device)
        if bool(chosen.any()):
            shape = (-1, *([1] * (images.ndim - 1)))
            images = torch.where(chosen.view(shape), images.flip(axis + 2), images)
    return images


def _sampled(
    images: Tensor,
    parameters: SpatialParameters,
    mode: Mode,
    padding: Padding,
    spacing: Tensor | None,
) -> Tensor:
    """Interpolate a few images at a time on a CPU, whose cache then holds all that is between."""
    size = tuple(images.shape[2:])
    few = max(1, _CACHED // math.prod(size)) if images.device.type == "cpu" else len(images)
    parts = []
    for start in range(0, len(images), few):
        rows = slice(start, start + few)
        between = None if spacing is None else spacing[rows]
        positions = sampling_positions(parameters.take(rows), size, between)
        there = [each.to(images.device) for each in positions]
        parts.append(interpolate(images[rows], there, mode=mode, padding=padding))
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _affine(
    parameters: SpatialParameters, size: tuple[int, ...], spacing: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The map from output pixels off the centre to input pixels.

    In double precision until the end: vectorised and scalar sines round differently in single,
    which would make an image depend on its place in the batch.
    """
    precise = precise_dtype(parameters.angles)
    shape = torch.tensor([size], dtype=precise, device=parameters.angles.device)
    pixel = torch.ones_like(shape) if spacing is None else spacing.to(shape)
    back = _rotation(parameters.angles.to(precise)).mT
    signs = 1.0 - 2.0 * parameters.flips.to(precise)
    shrink = signs / parameters.scale.to(precise)
    matrix = back * (shrink * pixel)[:, None, :] / pixel[:, :, None]
    shift = parameters.translation.to(precise) * shape * pixel
    offset = (shape - 1) / 2 - (back * shift[:, None, :]).sum(2) / pixel
    return matrix.float(), offset.float()


def _rotation(angles: Tensor) -> Tensor:
    """Matrices (N, D, D) that turn the content, from (N, 1) or (N, 3) angles."""
    if angles.shape[1] == 1:
        return _turn(angles[:, 0], 0, 1, 2)
    about = [_turn(angles[:, axis], (axis + 1) % 3, (axis + 2) % 3, 3) for axis in range(3)]
    return about[2] @ about[1] @ about[0]


def _turn(angle: Tensor, first: int, second: int, dims: int) -> Tensor:
    """Rotate from the first axis towards the second."""
    matrix = torch.eye(dims, dtype=angle.dtype, device=angle.device).repeat(len(angle), 1, 1)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    matrix[:, first, first] = cosine
    matrix[:, second, second] = cosine
    matrix[:, second, first] = sine
    matrix[:, first, second] = -sine
    return matrix


def _centred(parameters: SpatialParameters, size: tuple[int, ...]) -> list[Tensor]:
    """Each axis' pixels off the centre, displaced, broadcastable to (N, *size)."""
    dims = len(size)
    device = parameters.translation.device
    positions = []
    for axis, length in enumerate(size):
        shape = [1] * (dims + 1)
        shape[axis + 1] = length
        centred = torch.arange(length, dtype=torch.float32, device=device) - (length - 1) / 2
        positions.append(centred.view(shape))
    if parameters.displacement is None:
        return positions
    field = displacement_field(parameters.displacement, size)
    return [positions[axis] + field[:, axis] * size[axis] for axis in range(dims)]
