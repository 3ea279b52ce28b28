"""Which images a set has, and what it says of them: class folders, tables, and cards.

Two layouts serve all formats of one image a file: a folder a class, or a table `labels.csv` (also
`manifest.csv`) with the columns `file` and `label`, and perhaps `mask` and `trained_on`. Beside
them `card.json`, `about.json` or `datalist.json` may say the unit, the window and the classes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.imageset import parsed_spacing
from pipeline.sources.source import UnusableError

TABLES = ("labels.csv", "manifest.csv")
CARDS = ("card.json", "about.json", "datalist.json")
_COLUMNS = {
    "file": ("file", "image", "filename", "path", "image_path"),
    "label": ("label", "class", "class_name", "target"),
    "mask": ("mask", "segmentation"),
    "trained_on": ("trained_on",),
    "spacing_mm": ("spacing_mm",),
}


@dataclass(frozen=True)
class Entry:
    """One image as a set lists it; `problem` if it need not be tried."""

    file: str
    label: str
    mask: str = ""
    trained_on: str = ""
    problem: str = ""
    spacing_mm: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Card:
    """What a set says of itself; absent values are None or empty."""

    classes: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    unit: str | None = None
    window: tuple[float, float] | None = None
    orientation: str | None = None
    positive_class: str | None = None
    note: str = ""

    def unscaled(self, pixels: NDArray[Any], white: float) -> NDArray[Any]:
        """Give grey levels, 0 to `white`, back in the card's unit: they span its window."""
        if not self.unit or self.window is None or self.window == (0.0, white):
            return pixels
        low, high = self.window
        shares: NDArray[np.float32] = pixels.astype(np.float32) / np.float32(white)
        return shares * np.float32(high - low) + np.float32(low)

    def named(self, label: str) -> str:
        """The class's name, where a label is only its number."""
        if self.classes is None or label in self.classes or not label.isdigit():
            return label
        return self.classes[int(label)] if int(label) < len(self.classes) else label


def read_card(root: Path) -> Card:
    """Read what lies beside the images; nothing said is no error.

    Raises:
        DataError: If a card is no JSON.
    """
    for name in CARDS:
        if (root / name).is_file():
            values = read_json(root / name)
            if isinstance(values, Mapping):
                return _card(values)
    return Card()


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        DataError: If it is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise DataError(path, f"is not readable as JSON ({type(error).__name__})") from None


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
            return [_entry(row) for row in rows(root / name)]
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
    """Read a table's rows under the names `file`, `label`, `mask`, `trained_on`, `spacing_mm`.

    Raises:
        DataError: If it is no table in UTF-8, or lacks a needed column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error):
        raise DataError(path, "is not a CSV table in UTF-8") from None
    heading = list(table[0]) if table else []
    columns = {
        kind: next((name for name in names if name in heading), None)
        for kind, names in _COLUMNS.items()
    }
    for kind in needed:
        if columns[kind] is None:
            allowed = ", ".join(_COLUMNS[kind])
            raise DataError(path, f"has no column for the {kind}; name one of {allowed}")
    return [
        {kind: (row.get(name) or "").strip() for kind, name in columns.items() if name}
        for row in table
    ]


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


def _entry(row: Mapping[str, str]) -> Entry:
    problem = "" if row["label"] else "missing label: the cell is empty"
    spacing = None
    try:
        spacing = parsed_spacing(row.get("spacing_mm", "")) or None
    except ValueError:
        problem = problem or "its spacing_mm is no numbers as in 0.5x0.5"
    fold = row.get("trained_on", "")
    return Entry(row["file"], row["label"], row.get("mask", ""), fold, problem, spacing)


def _card(values: Mapping[str, Any]) -> Card:
    # A data card keeps what is about pixels together; older ones have all in one place.
    pixels = values.get("pixels")
    values = {**values, **(pixels if isinstance(pixels, Mapping) else {})}

    def texts(name: str) -> tuple[str, ...] | None:
        found = values.get(name)
        return tuple(map(str, found)) if isinstance(found, list) and found else None

    window = values.get("window")
    numbers = isinstance(window, list) and len(window) == 2
    return Card(
        classes=texts("classes"),
        channels=texts("channels"),
        unit=values.get("unit") or None,
        window=(float(window[0]), float(window[1])) if numbers and window else None,
        orientation=values.get("orientation") or None,
        positive_class=values.get("positive_class") or None,
        note=str(values.get("note") or ""),
    )
