"""Where the stored axes point in the patient.

`Meta.orientation` names, axis by axis, the side that an axis increases towards: `PLS` is rows to
posterior, columns to the left, slices to the head. NIfTI counts to right, anterior and superior
(RAS), DICOM to left, posterior and superior (LPS). Images whose orientation is unknown (`image`)
are laid out as they are shown, rows down and columns to the right, which is `PLS` on a screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError

UNKNOWN = "image"
_SHOWN = "PLS"
_SIDES = {
    "R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0),
    "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1),
}  # fmt: skip
_TO_LPS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Axes:
    """Directions of rows, columns and slices.

    Args:
        ras: (3, 3), a row for each stored axis: the unit vector that it increases along. A third
            axis that is not stored completes the first two as slices of a display do.
        known: Whether the scans said so.
    """

    ras: NDArray[np.float64]
    known: bool

    @property
    def lps(self) -> NDArray[np.float64]:
        """The same in DICOM's coordinates."""
        turned: NDArray[np.float64] = self.ras * _TO_LPS + 0.0  # no negative zeros
        return turned

    def affine(self, spacing_mm: Sequence[float]) -> NDArray[np.float64]:
        """(4, 4), from voxel indices to millimetres in RAS; the first voxel lies at the origin.

        Args:
            spacing_mm: Along the stored axes; ones where unknown.
        """
        spacing = (*spacing_mm, 1.0, 1.0, 1.0)[:3]
        matrix = np.eye(4)
        matrix[:3, :3] = self.ras.T * spacing + 0.0
        return matrix


def axes_of(orientation: str, dims: int, *, place: object) -> Axes:
    """Read the directions of the stored axes.

    Args:
        orientation: `Meta.orientation`.
        dims: Spatial axes, 2 or 3.
        place: The file that says it, for the message.

    Raises:
        DataError: If it is neither `image` nor a side for every axis.
    """
    known = orientation != UNKNOWN
    codes = orientation if known else _SHOWN[:dims]
    sides = [_SIDES.get(code) for code in codes]
    found = [np.array(side, float) for side in sides if side is not None]
    if len(found) != dims or len(sides) != dims or np.linalg.matrix_rank(np.array(found)) < dims:
        raise DataError(
            place,
            f"has the orientation {orientation!r}; give a side for each of the {dims} axes, e.g. "
            f"{_SHOWN[:dims]!r}, or {UNKNOWN!r} where it is unknown",
        )
    if dims == 2:
        # Columns to the right and rows down look along the third axis: DICOM's normal.
        found.append(np.cross(found[1], found[0]))
    return Axes(np.stack(found), known)
