"""DICOM instances: each series of several slices is a volume, every other instance an image.

Content decides what is DICOM, not names. Labels come from class folders, or from a table by file
or by folder. Values are those after rescaling, HU in CT. Where a card names several channels, the
series of a table's row are these, by their numbers. Volumes are turned to the card's orientation.
Masks are read where this pipeline exported them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.imageset import narrowest_dtype
from pipeline.readers import segments, turning
from pipeline.readers.cards import CARDS, read_card
from pipeline.readers.listing import TABLES, Entry, entry, inside, rows
from pipeline.readers.reader import About, Record, decoded
from pipeline.sources import dicom_files, dicom_pixels, dicom_series
from pipeline.sources.dicom_files import Frame
from pipeline.sources.dicom_series import Stack
from pipeline.sources.source import Broken, UnusableError

_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class _Volume:
    """The series of one image, a list of frames each, and its row of the table if there is one."""

    series: dict[str, list[Frame]]
    entry: Entry | None

    @property
    def first(self) -> Frame:
        return next(iter(self.series.values()))[0]


class Dicom:
    """Reads a directory of DICOM files."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise DataError(path, "is a file; name the directory of the DICOM files")
        self._root = path
        self._card = read_card(path)
        self._entries = _entries(path)
        self._broken: list[Broken] = []
        self._volumes = self._find()

    def about(self) -> About:
        """Say what the headers say of the first frame, and the card of the rest."""
        every = [
            frame
            for volume in self._volumes
            for series in volume.series.values()
            for frame in series
        ]
        if not every:
            return self._card.about(np.dtype(np.float32))
        low = min(frame.limits[0] for frame in every)
        high = max(frame.limits[1] for frame in every)
        whole = all(frame.whole for frame in every)
        modality, colour = every[0].modality, every[0].colour
        masked = all(each.entry and each.entry.mask for each in self._volumes)
        return self._card.about(
            narrowest_dtype(low, high) if whole else np.dtype(np.float32),
            "HU" if modality == "CT" else None,
            every[0].window,
            channels=_COLOURS if colour else (modality or "grey",),
            masks=self._card.ours and masked,
        )

    def __len__(self) -> int:
        """Count the images, and the files that are broken."""
        return len(self._volumes) + len(self._broken)

    def records(self) -> Iterator[Record | Broken]:
        """Decode in the order of the table, or of the sorted names; broken files come first."""
        yield from self._broken
        yield from decoded(self._volumes, self._record, lambda volume: volume.first.file)

    def _find(self) -> list[_Volume]:
        """Group the frames by series, or where these are channels by the table's rows."""
        found: dict[str, _Volume] = {}
        joined = bool(self._entries) and len(self._card.channels or ()) > 1
        for file in dicom_files.find(self._root):
            told = self._entry(file)
            if PurePosixPath(file).name in (*CARDS, "SHA256SUMS"):
                continue
            if self._entries and told is None:
                continue  # a segmentation, for one
            try:
                for frame in dicom_files.frames(self._root, file):
                    key = told.file if joined and told else frame.series
                    volume = found.setdefault(key, _Volume({}, told))
                    volume.series.setdefault(frame.series, []).append(frame)
            except dicom_files.NotAScanError:
                continue
            except UnusableError as problem:
                self._broken.append(Broken(file, str(problem)))
        places = {file: place for place, file in enumerate(self._entries)}
        return sorted(found.values(), key=lambda each: places[each.entry.file] if each.entry else 0)

    def _record(self, volume: _Volume) -> Record:
        told = volume.entry or _by_folder(volume.first.file)
        if told.problem:
            raise UnusableError(told.problem)
        series = list(volume.series.values())
        if len(series) > 1:
            series.sort(key=lambda frames: _series_number(self._root / frames[0].file))
        decoded = [self._decoded(self._stack(frames)) for frames in series]
        image, spacing = self._joined([each for each, _ in decoded], volume), decoded[0][1]
        mask = None
        if self._card.ours:  # whose table knows the spacing digit by digit
            spacing = told.spacing_mm or spacing
            if told.mask:
                slices = image.shape[3] if image.ndim == 4 else 1
                mask = segments.read(inside(self._root, told.mask), slices)
                mask = mask.reshape(mask.shape[: image.ndim])
        label, fold = self._card.named(told.label), told.trained_on
        return Record(volume.first.file, label, image, mask, spacing, fold, told.selected)

    def _joined(self, series: list[NDArray[Any]], volume: _Volume) -> NDArray[Any]:
        """The channels of an image."""
        if len({each.shape[1:] for each in series}) > 1:
            raise UnusableError("its series differ in size, so that they are no channels")
        image = np.concatenate(series)
        named = self._card.channels or ()
        if volume.entry and len(named) > 1 and len(image) != len(named):
            raise UnusableError(f"has {len(image)} channels, but the card names {len(named)}")
        return image

    def _stack(self, frames: list[Frame]) -> Stack:
        if len(frames) == 1:
            return Stack((frames[0],), None)
        if not self._card.ours or any(frame.position for frame in frames):
            return dicom_series.stack(frames)
        # Of images that lie nowhere, an export counts the slices.
        ordered = tuple(sorted(frames, key=lambda frame: frame.number))
        spacing, step = ordered[0].spacing, ordered[0].step
        return Stack(ordered, (*spacing, step) if spacing and step else None)

    def _decoded(self, stack: Stack) -> tuple[NDArray[Any], tuple[float, ...] | None]:
        """(C, rows, columns), with slices where there are several, as the card orients them."""
        first = stack.frames[0]
        colour: dicom_pixels.Colour = "rgb" if first.colour else "grey"
        planes = [dicom_pixels.decode(self._root, frame, colour) for frame in stack.frames]
        several = len(planes) > 1
        image = np.stack(planes, -1) if several else planes[0]
        spacing: tuple[float, ...] | None = stack.spacing_mm if several else first.spacing
        wanted = (self._card.orientation or "")[: image.ndim - 1]
        if first.orientation and turning.is_known(wanted) and len(wanted) == image.ndim - 1:
            turn = turning.between(turning.of_planes(first.orientation)[: len(wanted)], wanted)
            if turn is not None:
                image, spacing = turn.image(image), spacing and turn.spacing(spacing)
        return image, spacing

    def _entry(self, file: str) -> Entry | None:
        """The table's row about a file, or about a folder that holds it."""
        path = PurePosixPath(file)
        places = (str(place) for place in (path, *path.parents))
        return next((self._entries[place] for place in places if place in self._entries), None)


def _entries(root: Path) -> dict[str, Entry]:
    """The rows of a table by what they are about; none where there is no table."""
    for name in TABLES:
        if (root / name).is_file():
            named = ({**row, "file": row["file"].rstrip("/")} for row in rows(root / name))
            return {row["file"]: entry(row) for row in named}
    return {}


def _by_folder(file: str) -> Entry:
    parts = PurePosixPath(file).parts
    if len(parts) < 2:
        problem = "missing label: it lies in no class folder, and no labels.csv"
        return Entry(file, "", problem=problem)
    return Entry(file, parts[0])


def _series_number(file: Path) -> int:
    try:
        with dicom_files.silence():
            header = pydicom.dcmread(file, True, True, specific_tags=["SeriesNumber"])
            return int(header.SeriesNumber)
    except Exception:  # a damaged header can fail anywhere in pydicom's parser
        raise UnusableError("has several series, and one without a number") from None
