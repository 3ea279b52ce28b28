"""What every export shares: its contract, its samples, its label table and its checksums.

To add an export: a file here with a function `write` that satisfies `Export`, one line in
`registry.EXPORTS`; the contract tests run it. Exports read image by image, so that their memory
does not grow with the set.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from pipeline.imageset import ImageSet, Meta, parsed_spacing

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Sample:
    """One image on its way out.

    Args:
        image_id: Its id in the ImageSet.
        label: Class name.
        trained_on: The fold whose training rows made it, e.g. `r0f1g0`.
        image: (C, *spatial) in the stored unit.
        mask: (1, *spatial) uint8, or None.
        spacing_mm: Millimetres between pixel centres, or nothing where unknown.
    """

    image_id: str
    label: str
    trained_on: str
    image: NDArray[Any]
    mask: NDArray[Any] | None
    spacing_mm: tuple[float, ...]


class Export(Protocol):
    """A format that images leave the pipeline in."""

    def __call__(self, sets: Sequence[ImageSet], directory: Path) -> int:
        """Write the selected images of all sets into a directory; return how many."""


def selected_samples(sets: Sequence[ImageSet]) -> Iterator[Sample]:
    """Iterate over the selected images of ImageSets, in order, one in memory at a time."""
    for images in sets:
        manifest = images.manifest
        for row in range(len(images)):
            if int(manifest["selected"].iloc[row]) != 1:
                continue
            yield Sample(
                image_id=str(manifest["image_id"].iloc[row]),
                label=str(manifest["label"].iloc[row]),
                trained_on=images.root.name,
                image=images.stored([row])[0],
                mask=images.masks([row])[0] if images.has_masks else None,
                spacing_mm=parsed_spacing(manifest["spacing_mm"].iloc[row]),
            )


def file_name(text: str) -> str:
    """Turn a class name or an id into a name that every file system takes."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text) or "_"


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a small CSV with Unix line ends."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def about(meta: Meta) -> dict[str, object]:
    """What a reader of an export must know to use the pixels."""
    return {
        "classes": list(meta.classes),
        "channels": list(meta.channels),
        "unit": meta.unit,
        "window": list(meta.window),
        "positive_class": meta.positive_class,
        "note": " ".join(
            part
            for part in (
                meta.note,
                "Synthetic images for research and for training classifiers, not for diagnosis.",
                "Train a classifier only with images whose `trained_on` fold does not hold your "
                "test patients.",
            )
            if part
        ),
    }


def write_checksums(directory: Path) -> None:
    """Write SHA256SUMS over all files below a directory, as `sha256sum -c` reads it."""
    lines = []
    for path in sorted(p for p in directory.rglob("*") if p.is_file() and p.name != "SHA256SUMS"):
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        lines.append(f"{digest.hexdigest()}  {path.relative_to(directory).as_posix()}\n")
    (directory / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
