"""Stack the frames of a DICOM series into a volume, in the order of their positions.

Instance numbers and file names say nothing reliable about order; positions along the normal of the
image planes do (PS3.3 C.7.6.2.1.1). What is no regular stack is refused with a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.sources.dicom_files import Frame
from pipeline.sources.source import UnusableError

_SAME_PLACE_MM = 1e-3
_DIRECTION = 1e-2
_GAP = 0.1


@dataclass(frozen=True)
class Stack:
    """The frames of a series in order, with the grid that they lie on.

    Args:
        frames: From the first slice to the last.
        spacing_mm: Between rows, columns and slices; None where the headers do not say.
    """

    frames: tuple[Frame, ...]
    spacing_mm: tuple[float, float, float] | None

    def voxel_of(self, point: Sequence[float]) -> tuple[float, float, float]:
        """Find the voxel (row, column, slice), with fractions, of a point in patient coordinates.

        Raises:
            UnusableError: If the series has no positions, or the point lies outside.
        """
        first = self.frames[0]
        if self.spacing_mm is None or first.position is None or first.orientation is None:
            raise UnusableError("no slice positions, so that a point cannot be found")
        along_columns, along_rows, normal = _axes(first.orientation)
        offset = np.asarray(point, float) - np.asarray(first.position)
        axes = (along_rows, along_columns, normal)
        row, column, depth = (
            float(offset @ axis) / mm for axis, mm in zip(axes, self.spacing_mm, strict=True)
        )
        counts = (*first.shape, len(self.frames))
        for place, count in zip((row, column, depth), counts, strict=True):
            if not -0.5 <= place <= count - 0.5:
                raise UnusableError("the point lies outside the series")
        return row, column, depth


def stack(frames: Sequence[Frame]) -> Stack:
    """Order the frames of one series and check that they are one regular stack.

    Raises:
        UnusableError: If slices are missing, doubled, uneven or do not belong together.
    """
    if not frames:
        raise UnusableError("no slices")
    if len({frame.shape for frame in frames}) > 1:
        raise UnusableError("images of several sizes in one series (a localizer?)")
    if len({frame.colour for frame in frames}) > 1:
        raise UnusableError("grey and colour images in one series")
    spacings = np.array([frame.spacing or (0.0, 0.0) for frame in frames])
    if not np.allclose(spacings, spacings[0], rtol=1e-2):
        raise UnusableError("several pixel spacings in one series")
    if all(frame.position is None for frame in frames) and len({f.file for f in frames}) == 1:
        return _unplaced(frames)
    if len(frames) == 1:
        return _single(frames[0])
    return _placed(frames)


def _unplaced(frames: Sequence[Frame]) -> Stack:
    """Take a multi-frame file without positions in its own order."""
    ordered = tuple(sorted(frames, key=lambda frame: frame.index))
    spacing, step = ordered[0].spacing, ordered[0].step
    return Stack(ordered, None if spacing is None or step is None else (*spacing, step))


def _single(frame: Frame) -> Stack:
    return Stack((frame,), None if frame.spacing is None else (*frame.spacing, frame.step or 1.0))


def _placed(frames: Sequence[Frame]) -> Stack:
    positions, orientations = [], []
    for frame in frames:
        if frame.position is None or frame.orientation is None:
            raise UnusableError("slices without a position, so that their order is unknown")
        positions.append(frame.position)
        orientations.append(frame.orientation)
    if np.abs(np.array(orientations) - orientations[0]).max() > _DIRECTION:
        raise UnusableError("several orientations in one series (a localizer?)")
    normal = _axes(orientations[0])[2]
    places = np.array(positions)
    depth = places @ normal
    order = np.argsort(depth, kind="stable")
    _check_gaps(np.diff(depth[order]))
    aside = places - places[0] - np.outer(depth - depth[0], normal)
    spacing = frames[0].spacing
    if np.linalg.norm(aside, axis=1).max() > (min(spacing) if spacing else 1.0):
        raise UnusableError("slices are not stacked along their normal (a tilted gantry?)")
    step = float(np.mean(np.diff(depth[order])))
    ordered = tuple(frames[index] for index in order)
    return Stack(ordered, None if spacing is None else (*spacing, step))


def _check_gaps(gaps: NDArray[np.float64]) -> None:
    if gaps.min() < _SAME_PLACE_MM:
        raise UnusableError("two slices at one position (several phases, or a doubled file?)")
    usual = float(np.median(gaps))
    if len(gaps) > 1 and gaps.min() < usual * (1 - _GAP):
        usual = float(gaps.min())
    missing = np.rint(gaps / usual) - 1
    if np.abs(gaps - usual * (missing + 1)).max() > _GAP * usual:
        raise UnusableError("uneven distances between slices")
    if missing.any():
        raise UnusableError(f"missing slices: {int(missing.sum())} absent inside the series")


def _axes(orientation: Sequence[float]) -> tuple[NDArray[np.float64], ...]:
    """Directions in which columns, rows and slices increase."""
    along_columns, along_rows = np.array(orientation[:3]), np.array(orientation[3:])
    lengths = np.linalg.norm(along_columns), np.linalg.norm(along_rows)
    if max(abs(length - 1) for length in lengths) > _DIRECTION:
        raise UnusableError("an impossible orientation")
    if abs(along_columns @ along_rows) > _DIRECTION:
        raise UnusableError("an impossible orientation")
    return along_columns, along_rows, np.cross(along_columns, along_rows)
