"""Turn images from the orientation that they have to the one that is wanted.

An orientation names, axis by axis, the side that an axis increases towards; see
`imageset.orientation`. Axes are swapped and reversed, and nothing is interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from pipeline.sources.source import UnusableError

_PAIRS = ("LR", "AP", "SI")
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Turn:
    """What brings one orientation to another.

    Args:
        order: The old axis that each new one is.
        reversed: The new axes that run the other way.
    """

    order: tuple[int, ...]
    reversed: tuple[int, ...]

    def image(self, image: NDArray[Any]) -> NDArray[Any]:
        """Turn (C, *spatial)."""
        swapped = image.transpose(0, *(axis + 1 for axis in self.order))
        return np.flip(swapped, tuple(axis + 1 for axis in self.reversed))

    def spacing(self, spacing_mm: Sequence[float]) -> tuple[float, ...]:
        """Bring the spacing into the new order."""
        return tuple(spacing_mm[axis] for axis in self.order)


def between(have: str, want: str) -> Turn | None:
    """Find what turns one orientation into the other; None if they are equal.

    Raises:
        UnusableError: If they are of different planes, which no turn brings together.
    """
    if have == want:
        return None
    mine, theirs = ([_axis(code) for code in codes] for codes in (have, want))
    if sorted(mine) != sorted(theirs):
        raise UnusableError(f"is laid out as {have}, and {want} is wanted, which is another plane")
    order = tuple(mine.index(axis) for axis in theirs)
    other_way = (place for place, old in enumerate(order) if have[old] != want[place])
    return Turn(order, tuple(other_way))


def is_known(codes: str) -> bool:
    """Whether these are the sides of two or three different axes."""
    axes = [_axis(code) for code in codes]
    return len(codes) in (2, 3) and min(axes) >= 0 and len(set(axes)) == len(axes)


def completed(codes: str) -> str:
    """Three codes, the third of two made up."""
    unused = [pair[0] for pair in _PAIRS if not set(codes) & set(pair)]
    return codes + "".join(unused)


def of_affine(affine: NDArray[np.float64]) -> str:
    """The sides that are nearest to the axes of an affine, (4, 4), in RAS."""
    return "".join(nib.orientations.aff2axcodes(affine))


def of_planes(directions: Sequence[float]) -> str:
    """The sides of rows, columns and the stack of DICOM's ImageOrientationPatient."""
    along_columns, along_rows = np.array(directions, float).reshape(2, 3)
    axes = np.stack([along_rows, along_columns, np.cross(along_columns, along_rows)], 1)
    affine = np.eye(4)
    affine[:3, :3] = axes * _LPS_TO_RAS[:, None]
    return of_affine(affine)


def _axis(code: str) -> int:
    return next((number for number, pair in enumerate(_PAIRS) if code in pair), -1)
