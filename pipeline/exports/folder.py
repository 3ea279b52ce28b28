"""A folder that an export fills: each file's checksum is taken as soon as it is written.

Nothing about the files is kept in memory, so that as many as there are images cost no more of it
than a few.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.errors import DataError

CHECKSUMS = "SHA256SUMS"
_CHUNK = 1 << 16

Row = Callable[[Sequence[object]], Any]


class Folder:
    """An empty folder to be filled, with `SHA256SUMS` as `sha256sum -c` reads it.

    Used as a context manager; the list of checksums is complete once the block ends.

    Args:
        root: Where; made if absent.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def __enter__(self) -> Self:
        """Make the folder and an empty list."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._sums = (self.root / CHECKSUMS).open("w", encoding="utf-8", newline="\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the list."""
        self._sums.close()

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """Give the path of a new file to write, and note its checksum after.

        Args:
            name: Relative to the folder, with forward slashes.

        Raises:
            DataError: If there is such a file, which two images with one name would share.
        """
        path = self.root / name
        if path.exists():
            raise DataError(path, "would be written twice; give the images different ids")
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path
        digest = hashlib.sha256()
        with path.open("rb") as written:
            while chunk := written.read(_CHUNK):
                digest.update(chunk)
        self._sums.write(f"{digest.hexdigest()}  {name}\n")

    @contextmanager
    def table(self, name: str, columns: Sequence[str]) -> Iterator[Row]:
        """Give a function that adds a row to a new CSV file with Unix line ends."""
        with self.file(name) as path, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            yield writer.writerow

    def text(self, name: str, text: str) -> None:
        """Write a small file."""
        with self.file(name) as path:
            path.write_text(text, encoding="utf-8", newline="\n")
