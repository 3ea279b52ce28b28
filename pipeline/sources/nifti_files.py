"""Decode NIfTI volumes in the patient's axes, or say in words that name nobody why it cannot be.

Volumes are brought to the nearest axes of the patient, RAS; `display` lays them out as radiologists
look at them, `PLS`. Other formats than NIfTI, which nibabel would read too, are refused.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, io_orientation
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from pipeline.sources import crops
from pipeline.sources.source import UnusableError

_UNITS_MM = {"meter": 1000.0, "micron": 0.001}
_GRID_TOLERANCE = 0.5


def read(root: Path, name: str, what: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Read a volume in RAS, (x, y, z), with its affine in millimetres.

    Raises:
        UnusableError: With the reason, free of names.
    """
    volume = load(root, name, what)
    affine = affine_mm(volume, what)
    data = _data(volume, what)
    orientation = io_orientation(affine)
    canonical = affine @ nib.orientations.inv_ornt_aff(orientation, data.shape)
    return apply_orientation(data, orientation), canonical


def load(root: Path, name: str, what: str) -> Any:
    """Open a NIfTI file; its voxels stay on disk.

    Raises:
        UnusableError: With the reason, free of names.
    """
    if not name:
        raise UnusableError(f"missing {what}: the cell is empty")
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise UnusableError(f"the {what} lies outside ingest.path")
    path = root / name
    if not path.is_file():
        raise UnusableError(f"missing {what}: there is no such file")
    if path.stat().st_size == 0:
        raise UnusableError(f"the {what} is an empty file")
    try:
        volume = nib.load(path)
    except (ImageFileError, HeaderDataError, WrapStructError, ValueError, KeyError):
        raise UnusableError(f"the {what} is not a NIfTI file, or its header is damaged") from None
    except (OSError, EOFError, zlib.error):
        raise UnusableError(f"the {what} is truncated or damaged") from None
    if not isinstance(volume, nib.nifti1.Nifti1Pair):
        raise UnusableError(f"the {what} is not a NIfTI file")
    return volume


def affine_mm(volume: Any, what: str) -> NDArray[np.float64]:
    """The affine from voxels to millimetres, (4, 4).

    Raises:
        UnusableError: If it is no geometry.
    """
    scale = _UNITS_MM.get(volume.header.get_xyzt_units()[0], 1.0)
    affine = np.asarray(volume.affine, float).copy()
    affine[:3] *= scale
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise UnusableError(f"the {what} has an impossible geometry (affine)")
    return affine


def _data(volume: Any, what: str) -> NDArray[Any]:
    """Read the voxels, (x, y, z), unscaled where the header scales by one, else float32."""
    dtype = volume.get_data_dtype()
    if dtype.kind not in "iuf":
        raise UnusableError(f"the {what} holds colours or complex numbers, not one value a voxel")
    shape = volume.shape
    if len(shape) < 2 or min(shape) < 1:
        raise UnusableError(f"the {what} has no slices")
    if math.prod(shape[3:]) != 1:
        raise UnusableError(f"the {what} holds several volumes; give one volume a file")
    data = voxels(volume, what)
    rows, columns = shape[:2]
    return data.reshape(rows, columns, shape[2] if len(shape) > 2 else 1)


def voxels(volume: Any, what: str) -> NDArray[Any]:
    """Read the voxels as they lie, unscaled where the header scales by one, else float32.

    Raises:
        UnusableError: If they are damaged or not finite.
    """
    proxy = volume.dataobj
    try:
        unscaled = proxy.slope == 1 and proxy.inter == 0
        data = np.asanyarray(proxy, None if unscaled else np.float32)
    except (OSError, EOFError, ValueError, zlib.error, MemoryError):
        raise UnusableError(f"the {what} is truncated or damaged") from None
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        raise UnusableError(f"the {what} holds NaN or infinite values")
    return data


def joined(
    image: tuple[NDArray[Any], NDArray[np.float64]],
    mask: tuple[NDArray[Any], NDArray[np.float64]] | None,
) -> crops.Grid:
    """Check that an image and its mask share a grid, and lay them out for display."""
    voxels, affine = image
    spacing = tuple(float(mm) for mm in nib.affines.voxel_sizes(affine))
    shown = display(voxels)
    across, up, along = spacing
    if mask is None:
        return crops.Grid(shown, (up, across, along))
    inside, mask_affine = mask
    if inside.shape != voxels.shape:
        raise UnusableError("the mask has another shape than the image")
    corners = np.array([[0, 0, 0, 1], [*(count - 1 for count in voxels.shape), 1]], float)
    apart = np.abs(corners @ (affine - mask_affine).T).max()
    if apart > _GRID_TOLERANCE * min(spacing):
        raise UnusableError("the mask lies elsewhere in space than the image")
    if not (inside > 0).any():
        raise UnusableError("the mask is empty")
    return crops.Grid(shown, (up, across, along), display(inside))


def display(volume: NDArray[Any]) -> NDArray[Any]:
    """View RAS (x, y, z) as (1, rows to posterior, columns to left, slices to superior)."""
    return volume[::-1, ::-1].transpose(1, 0, 2)[None]
