"""One image as a NIfTI-1 file: the stored unit, the stored axes and their affine.

The array is written as it is stored; the affine says where its axes point, so that any reader that
heeds it puts the image the right way up. Several channels lie on the fourth axis, after a third of
one slice in 2D, which no reader takes for a volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from pipeline.imageset.orientation import Axes

# What NIfTI, or most of its readers, cannot hold -> what holds the same values.
_TYPES = {
    "?": np.uint8, "b": np.int16, "e": np.float32,
    "l": np.float64, "q": np.float64, "L": np.float64, "Q": np.float64,
}  # fmt: skip


def save_nifti(
    path: Path, image: NDArray[Any], axes: Axes, spacing_mm: Sequence[float], unit: str
) -> None:
    """Write (C, *spatial).

    Args:
        path: Ends in .nii or .nii.gz.
        image: In its stored unit.
        axes: Where the axes point.
        spacing_mm: Along them; nothing where unknown, which the header then says.
        unit: Of the values, for the header's description.
    """
    if len(image) == 1:
        array = image[0]
    else:
        flat = image[..., None] if image.ndim == 3 else image
        array = np.moveaxis(flat, 0, -1)
    array = np.ascontiguousarray(array, _TYPES.get(array.dtype.char, array.dtype))
    affine = axes.affine(spacing_mm)
    nifti = nib.Nifti1Image(array, affine)
    # 1: the scanner's own axes; 2: some other, here the picture's.
    code = 1 if axes.known else 2
    nifti.set_sform(affine, code)
    nifti.set_qform(affine, code)
    nifti.header.set_xyzt_units("mm" if spacing_mm else "unknown")
    told = "" if axes.known else ", orientation unknown"
    nifti.header["descrip"] = f"synthetic, {unit}{told}".encode("ascii", "replace")[:79]
    nib.save(nifti, path)
