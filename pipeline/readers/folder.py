"""PNG, JPEG, TIFF and BMP files, in class folders or under a table; 2D.

A card beside them that says a unit and a window, as the export `png` writes one, gives the pixels
back in that unit: black is the window's lower end, white its upper one. Without a card they are
grey levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.readers.cards import GREY, read_card
from pipeline.readers.listing import Entry, entries, inside
from pipeline.readers.reader import About, Record, decoded
from pipeline.sources.pictures import SUFFIXES, read_mask, read_pixels
from pipeline.sources.source import Broken, UnusableError


class Folder:
    """Reads a directory of pictures."""

    def __init__(self, path: Path) -> None:
        self._root = path
        self._card = read_card(path)
        self._entries = entries(path, _is_image)
        self._white = self._find_white()

    def about(self) -> About:
        """Say what the card says, else that these are grey levels."""
        masks = all(entry.mask for entry in self._entries)
        dtype, greys = self._card.grey_dtype(self._white), (0.0, self._white)
        return self._card.about(dtype, GREY, greys, masks=masks)

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self._entries)

    def records(self) -> Iterator[Record | Broken]:
        """Decode in the order of the table, or of the sorted names."""
        return decoded(self._entries, self._record, lambda entry: entry.file)

    def _record(self, entry: Entry) -> Record:
        if entry.problem:
            raise UnusableError(entry.problem)
        pixels = read_pixels(inside(self._root, entry.file))
        white = float(np.iinfo(pixels.dtype).max)
        if white != self._white:
            raise UnusableError(f"{8 * pixels.itemsize} bits a channel, unlike the first picture")
        return Record(
            entry.file,
            self._card.named(entry.label),
            self._card.unscaled(pixels, self._white),
            self._mask(inside(self._root, entry.mask)) if entry.mask else None,
            entry.spacing_mm,
            entry.trained_on,
            entry.selected,
        )

    def _mask(self, path: Path) -> NDArray[np.uint8]:
        """(1, rows, columns); an export's palette only makes its values visible."""
        inside_or_not = read_mask(path)
        if self._card.ours:
            with Image.open(path) as picture:
                if picture.mode == "P":
                    return np.asarray(picture, np.uint8)[None]
        return inside_or_not

    def _find_white(self) -> float:
        """The greatest grey level, from the first picture that can be read."""
        for entry in self._entries:
            try:
                return float(np.iinfo(read_pixels(inside(self._root, entry.file)).dtype).max)
            except UnusableError:
                continue
        return 255.0


def _is_image(name: PurePosixPath) -> bool:
    return name.suffix.lower() in SUFFIXES
