"""One .npz file in MedMNIST's layout: any pairs of `*_images` and `*_labels`, perhaps `*_masks`.

Images are (N, H, W), (N, H, W, 3), (N, D, H, W), or have a channel axis of length 1 or 3 after N.
They are streamed out of the archive one by one. An array that only unpickling could read is
refused.

Unsigned whole numbers beside a card that says a unit and a window, as the export `npz` writes one,
are given back in that unit. `*_trained_on` holds each image's fold; a table of as many rows beside
the file, in its order, folds and spacing.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.readers.cards import GREY, Card, read_card
from pipeline.readers.listing import TABLES, entry, rows
from pipeline.readers.reader import About, Record
from pipeline.sources.source import Broken

_WHITE = {np.dtype("uint8"): 255.0, np.dtype("uint16"): 65535.0}


@dataclass(frozen=True)
class _Part:
    """One pair of arrays, as the headers describe it."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    labels: NDArray[Any]
    folds: NDArray[Any] | None
    masks: bool


class Npz:
    """Reads an .npz file, or the one that lies in a directory."""

    def __init__(self, path: Path) -> None:
        self._file = _locate(path)
        self._card = read_card(self._file.parent)
        with _reading(self._file) as archive:
            self._parts = _parts(archive)
        if not self._parts:
            raise DataError(self._file, "holds no arrays `*_images` and `*_labels`")
        self._rows = self._told()

    def about(self) -> About:
        """Say what the card says, else that these are grey levels where they are unsigned."""
        card, dtype = self._card, np.result_type(*(part.dtype for part in self._parts))
        white = _WHITE.get(dtype)
        if white:
            dtype = card.grey_dtype(white)
        return card.about(
            dtype if dtype.kind in "iu" else np.dtype(np.float32),
            GREY if white else None,
            (0.0, white) if white else None,
            masks=all(part.masks for part in self._parts),
        )

    def __len__(self) -> int:
        """Count the images of all pairs."""
        return sum(part.shape[0] for part in self._parts)

    def records(self) -> Iterator[Record | Broken]:
        """Decode pair after pair, each in the order of the file."""
        place = 0
        with _reading(self._file) as archive:
            for part in self._parts:
                masks = _stream(archive, f"{part.name}masks") if part.masks else None
                for index, image in enumerate(_stream(archive, f"{part.name}images")):
                    mask = None if masks is None else next(masks)
                    row = self._rows[place] if self._rows else {}
                    yield self._record(part, index, row, image, mask)
                    place += 1

    def _record(
        self,
        part: _Part,
        index: int,
        row: Mapping[str, str],
        image: NDArray[Any],
        mask: NDArray[Any] | None,
    ) -> Record | Broken:
        """One image, with what the arrays say of it, and else its row of the table."""
        told = {**row, "file": f"{part.name}images[{index}]"}
        told["label"] = _label(part.labels[index], self._card)
        if part.folds is not None:
            told["trained_on"] = str(part.folds[index])
        found = entry(told)
        if found.problem:
            return Broken(found.file, found.problem)
        return Record(
            found.file,
            found.label,
            self._values(_channels_first(image, self._card)),
            None if mask is None else self._card.mask(_channels_first(mask, self._card)[:1]),
            found.spacing_mm,
            found.trained_on,
            found.selected,
        )

    def _values(self, image: NDArray[Any]) -> NDArray[Any]:
        white = _WHITE.get(image.dtype)
        return self._card.unscaled(image, white) if white else image

    def _told(self) -> list[dict[str, str]]:
        """A table of as many rows beside the file, or nothing."""
        for name in TABLES:
            path = self._file.parent / name
            if path.is_file():
                found = rows(path, needed=())
                return found if len(found) == len(self) else []
        return []


def _channels_first(image: NDArray[Any], card: Card) -> NDArray[Any]:
    """View an image without or with a channel axis, first or last, as (C, *spatial).

    A card that says the shape decides, so that three slices are no colours.
    """
    if card.shape is not None and image.ndim == len(card.shape) - 1:
        return image[None]
    if image.ndim > 2 and image.shape[-1] in (1, 3):
        return np.moveaxis(image, -1, 0)
    if image.ndim > 2 and image.shape[0] in (1, 3):
        return image
    return image[None]


def _label(label: Any, card: Card) -> str:
    """The class of a label, which counts the classes where it is a whole number."""
    value = label.item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return card.at(value) if isinstance(value, int) else card.named(str(value))


def _locate(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(path.glob("*.npz"))
    if len(found) != 1:
        raise DataError(path, f"holds {len(found)} .npz files; name one file")
    return found[0]


@contextmanager
def _reading(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError):
        raise DataError(path, "is not an .npz file, or is truncated; get it again") from None
    except ValueError as error:
        raise DataError(path, f"holds an array that cannot be read: {error}") from None


def _parts(archive: zipfile.ZipFile) -> list[_Part]:
    names = set(archive.namelist())
    parts = []
    for name in sorted(each for each in names if each.endswith("images.npy")):
        prefix = name.removesuffix("images.npy")
        if f"{prefix}labels.npy" not in names:
            raise ValueError(f"`{prefix}images` has no `{prefix}labels`")
        labels = _array(archive, f"{prefix}labels.npy")
        told = f"{prefix}trained_on.npy"
        folds = _array(archive, told) if told in names else None
        labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        with archive.open(name) as file:
            shape, dtype = _header(file)
        if labels.ndim != 1 or len(labels) != shape[0]:
            raise ValueError(f"{shape[0]} images but labels of shape {labels.shape}")
        if len(shape) not in (3, 4, 5) or dtype.kind not in "iuf":
            raise ValueError(f"`{prefix}images` of shape {shape} and type {dtype} are no images")
        if folds is not None and folds.shape != labels.shape:
            raise ValueError(f"`{prefix}trained_on` has not one name an image")
        if shape[0]:
            masks = f"{prefix}masks.npy" in names
            if masks:
                _check_count(archive, f"{prefix}masks.npy", shape[0])
            parts.append(_Part(prefix, shape, dtype, labels, folds, masks))
    return parts


def _check_count(archive: zipfile.ZipFile, name: str, count: int) -> None:
    with archive.open(name) as file:
        shape, dtype = _header(file)
    if shape[:1] != (count,) or dtype.kind not in "biuf":
        raise ValueError(f"{count} images but `{name}` of shape {shape} and type {dtype}")


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"format version {version}")
    if fortran or dtype.hasobject:
        raise ValueError("objects, or first axis fastest: save plain arrays of numbers")
    return shape, dtype


def _stream(archive: zipfile.ZipFile, name: str) -> Iterator[NDArray[Any]]:
    """Yield the items of an array along its first axis."""
    with archive.open(f"{name}.npy") as file:
        shape, dtype = _header(file)
        length = math.prod(shape[1:]) * dtype.itemsize
        for _ in range(shape[0]):
            read = file.read(length)
            if len(read) < length:
                raise EOFError
            yield np.frombuffer(read, dtype).reshape(shape[1:])
