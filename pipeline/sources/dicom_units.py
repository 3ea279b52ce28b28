"""Decide which DICOM frames, and which rows of the label table, make one image."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from pipeline.sources.dicom_files import Frame
from pipeline.sources.tables import Row

LabelKey = Literal["PatientID", "SeriesInstanceUID", "file"]
Rows = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Unit:
    """What becomes one image.

    Args:
        key: Where it came from, unique in the tree.
        frames: One, or those of a series in any order.
        rows: The rows of the table about it.
        problem: Why it cannot become an image, or nothing.
    """

    key: str
    frames: tuple[Frame, ...]
    rows: tuple[Row, ...]
    problem: str = ""


def by_frame(frames: Sequence[Frame], rows: Rows, label_key: LabelKey) -> list[Unit]:
    """Make a unit of each frame."""
    counts = Counter(frame.file for frame in frames)
    return [
        Unit(
            frame.file if counts[frame.file] == 1 else f"{frame.file}#{frame.index:05d}",
            (frame,),
            tuple(rows_about([frame], rows, label_key)),
        )
        for frame in frames
    ]


def by_series(frames: Sequence[Frame], rows: Rows, label_key: LabelKey) -> list[Unit]:
    """Make a unit of each series."""
    groups: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[frame.series].append(frame)
    return [
        Unit(f"{group[0].file} (series)", tuple(group), tuple(rows_about(group, rows, label_key)))
        for group in groups.values()
    ]


def by_point(frames: Sequence[Frame], rows: Rows, label_key: LabelKey) -> list[Unit]:
    """Make a unit of each row of the table, and of each series that no row is about."""
    units = []
    asked: dict[int, list[Unit]] = defaultdict(list)
    for series in by_series(frames, rows, label_key):
        for row in series.rows:
            asked[id(row)].append(series)
        if not series.rows:
            units.append(series)
    for key, same in rows.items():
        for number, row in enumerate(same):
            found = asked[id(row)]
            name = f"{found[0].frames[0].file if found else ''} (point {number:05d} of {key})"
            if len(found) == 1:
                units.append(Unit(name, found[0].frames, (row,)))
            elif found:
                problem = "the point fits several series; give SeriesInstanceUID as the key"
                units.append(Unit(name, (), (row,), problem))
            else:
                units.append(Unit(name, (), (row,), "the table's row fits no series"))
    return units


def rows_about(frames: Iterable[Frame], rows: Rows, label_key: LabelKey) -> list[Row]:
    """Find the rows about some frames, each once, in a fixed order.

    By `file`, a row is about a file or about all files in a folder.
    """
    keys: dict[str, None] = {}
    for frame in frames:
        if label_key == "file":
            path = PurePosixPath(frame.file)
            keys |= {str(place): None for place in (path, *path.parents)}
        else:
            keys[frame.patient if label_key == "PatientID" else frame.series] = None
    return [row for key in keys if key for row in rows.get(key, [])]
