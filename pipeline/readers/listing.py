"""Which images a set has, and what it says of each: class folders and tables.

Two layouts serve all formats of one image a file: a folder a class, or a table `labels.csv` (also
`manifest.csv`) with the columns `file` and `label`, and perhaps `mask`, `trained_on`, `selected`
and `spacing_mm`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.errors import DataError
from pipeline.imageset import parsed_spacing
from pipeline.sources.source import UnusableError

TABLES = ("labels.csv", "manifest.csv")
_COLUMNS = {
    "file": ("file", "image", "filename", "path", "image_path"),
    "label": ("label", "class", "class_name", "target"),
    "mask": ("mask", "segmentation"),
    "trained_on": ("trained_on",),
    "selected": ("selected",),
    "spacing_mm": ("spacing_mm",),
}
_YES, _NO = ("", "1", "1.0", "true", "yes"), ("0", "0.0", "false", "no")


@dataclass(frozen=True)
class Entry:
    """One image as a set lists it.

    Args:
        file: Below the set.
        label: As the set writes it.
        mask: The mask's file, if any.
        trained_on: The fold whose training rows its generator learnt from.
        problem: Why it need not be tried, if so.
        spacing_mm: Where the list says it.
        selected: Whether it was found good enough to use.
    """

    file: str
    label: str
    mask: str = ""
    trained_on: str = ""
    problem: str = ""
    spacing_mm: tuple[float, ...] | None = None
    selected: bool = True


def entries(root: Path, is_image: Callable[[PurePosixPath], bool]) -> list[Entry]:
    """List the images of a directory by its table, or else by its class folders.

    Args:
        root: The set.
        is_image: Tells images from other files by their names.

    Raises:
        DataError: If a table lacks a column, or if images lie in no class folder.
    """
    for name in TABLES:
        if (root / name).is_file():
            return [entry(row) for row in rows(root / name)]
    found = []
    for path in sorted(each for each in root.rglob("*") if each.is_file()):
        place = PurePosixPath(path.relative_to(root).as_posix())
        if any(part.startswith(".") for part in place.parts) or not is_image(place):
            continue
        label = place.parts[0] if len(place.parts) > 1 else ""
        problem = "" if label else "missing label: it lies in no class folder, and no labels.csv"
        found.append(Entry(place.as_posix(), label, problem=problem))
    return found


def rows(path: Path, needed: Iterable[str] = ("file", "label")) -> list[dict[str, str]]:
    """Read a table's rows under our names of the columns, the keys of `_COLUMNS`.

    Raises:
        DataError: If it is no table in UTF-8, lists nothing, or lacks a needed column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            heading = list(reader.fieldnames or ())
            table = list(reader)
    except (UnicodeDecodeError, csv.Error):
        raise DataError(path, "is not a CSV table in UTF-8") from None
    columns = {
        kind: next((name for name in names if name in heading), None)
        for kind, names in _COLUMNS.items()
    }
    for kind in needed:
        if columns[kind] is None:
            allowed = ", ".join(_COLUMNS[kind])
            raise DataError(path, f"has no column for the {kind}; name one of {allowed}")
        if not table:
            raise DataError(path, "lists no image; give each image a row")
    return [
        {kind: (row.get(name) or "").strip() for kind, name in columns.items() if name}
        for row in table
    ]


def entry(row: Mapping[str, str]) -> Entry:
    """Read a row; a cell that cannot be read is the entry's problem."""
    problem = "" if row.get("label") else "missing label: the cell is empty"
    spacing = None
    try:
        spacing = parsed_spacing(row.get("spacing_mm", "")) or None
    except ValueError:
        problem = problem or "its spacing_mm is no numbers as in 0.5x0.5"
    selected = row.get("selected", "").lower()
    if selected not in _YES + _NO:
        problem = problem or "its cell `selected` is neither 1 nor 0"
    return Entry(
        file=row.get("file", ""),
        label=row.get("label", ""),
        mask=row.get("mask", ""),
        trained_on=row.get("trained_on", ""),
        problem=problem,
        spacing_mm=spacing,
        selected=selected not in _NO,
    )


def inside(root: Path, name: str) -> Path:
    """The path of a listed file.

    Raises:
        UnusableError: If it is named outside of the set, or is not there.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts:
        raise UnusableError("missing image: the cell is empty")
    if parts[0] == "/" or ".." in parts or ":" in parts[0]:
        raise UnusableError("the file lies outside of the set")
    path = root.joinpath(*parts)
    if not path.is_file():
        raise UnusableError("missing image: there is no such file")
    return path
