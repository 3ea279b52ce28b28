"""DICOM instances: each series of several slices is a volume, every other instance an image.

Content decides what is DICOM, not names. Labels come from class folders, or from a table by file
or by folder. Values are those after rescaling, HU in CT.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from pipeline.errors import DataError
from pipeline.imageset import narrowest_dtype
from pipeline.readers.listing import CARDS, TABLES, read_card, rows
from pipeline.readers.reader import About, Record
from pipeline.sources import dicom_files, dicom_pixels, dicom_series
from pipeline.sources.dicom_files import Frame
from pipeline.sources.source import Broken, UnusableError


class Dicom:
    """Reads a directory of DICOM files."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise DataError(path, "is a file; name the directory of the DICOM files")
        self._root = path
        self._card = read_card(path)
        self._rows = self._read_rows()
        self._series: dict[str, list[Frame]] = {}
        self._broken: list[Broken] = []
        for file in dicom_files.find(path):
            if PurePosixPath(file).name in (*CARDS, "SHA256SUMS") or not self._is_listed(file):
                continue
            try:
                for frame in dicom_files.frames(path, file):
                    self._series.setdefault(frame.series, []).append(frame)
            except UnusableError as problem:
                self._broken.append(Broken(file, str(problem)))

    def about(self) -> About:
        """Say what the headers say of the first frame, and the card of the rest."""
        card = self._card
        frames = [frame for series in self._series.values() for frame in series]
        if not frames:
            return About(card.unit, card.window, np.dtype(np.float32))
        low = min(frame.limits[0] for frame in frames)
        high = max(frame.limits[1] for frame in frames)
        whole = all(frame.whole for frame in frames)
        modality, colour = frames[0].modality, frames[0].colour
        return About(
            card.unit or ("HU" if modality == "CT" else None),
            card.window or frames[0].window,
            narrowest_dtype(low, high) if whole else np.dtype(np.float32),
            card.channels or (("red", "green", "blue") if colour else (modality or "grey",)),
            card.classes,
            card.positive_class,
            card.orientation or "image",
            card.note,
        )

    def __len__(self) -> int:
        """Count the series, and the files that are broken."""
        return len(self._series) + len(self._broken)

    def records(self) -> Iterator[Record | Broken]:
        """Decode in the order of the files' names; files that are broken come first."""
        yield from self._broken
        for frames in self._series.values():
            try:
                yield self._record(frames)
            except UnusableError as problem:
                yield Broken(frames[0].file, str(problem))

    def _record(self, frames: list[Frame]) -> Record:
        file = frames[0].file
        label, fold = self._told(file)
        colour: dicom_pixels.Colour = "rgb" if frames[0].colour else "grey"
        if len(frames) == 1:
            image = dicom_pixels.decode(self._root, frames[0], colour)
            return Record(file, label, image, None, frames[0].spacing, fold)
        stack = dicom_series.stack(frames)
        image = np.stack(
            [dicom_pixels.decode(self._root, frame, colour) for frame in stack.frames], -1
        )
        return Record(file, label, image, None, stack.spacing_mm, fold)

    def _told(self, file: str) -> tuple[str, str]:
        """The label and fold of a file: from the table, else from its class folder."""
        path = PurePosixPath(file)
        if self._rows:
            row = self._row(file) or {"label": ""}
            if not row["label"]:
                raise UnusableError("missing label: the cell is empty")
            return self._card.named(row["label"]), row.get("trained_on", "")
        if len(path.parts) < 2:
            raise UnusableError("missing label: it lies in no class folder, and no labels.csv")
        return self._card.named(path.parts[0]), ""

    def _is_listed(self, file: str) -> bool:
        """Tell images from what else lies there, such as segmentations, by a table if any."""
        return not self._rows or self._row(file) is not None

    def _row(self, file: str) -> dict[str, str] | None:
        """The table's row about a file, or about a folder that holds it."""
        path = PurePosixPath(file)
        places = (str(place) for place in (path, *path.parents))
        return next((self._rows[place] for place in places if place in self._rows), None)

    def _read_rows(self) -> dict[str, dict[str, str]]:
        for name in TABLES:
            if (self._root / name).is_file():
                return {row["file"].rstrip("/"): row for row in rows(self._root / name)}
        return {}
