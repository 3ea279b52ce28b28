"""What every reader gives: somebody's set of synthetic images as a stream of labelled records.

A reader decodes a format, one image in memory at a time, in the set's own unit; it never resizes,
relabels or decides what is good enough: `fitting` does. Nothing is ever unpickled.

To add a reader: a file here with a class that satisfies `Reader`, one line in `registry.READERS`;
the contract tests run it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError, choose_one_of
from pipeline.registry import READERS
from pipeline.sources import guarded
from pipeline.sources.source import Broken, UnusableError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Record:
    """One labelled image.

    Args:
        key: Where it lies in the set, e.g. `cyst/a.png`, for messages.
        label: The class as the set names it.
        image: (C, *spatial) in the set's own unit.
        mask: (1, *spatial) uint8, or None.
        spacing_mm: Millimetres between pixel centres, one a spatial axis, or None.
        trained_on: The fold whose training rows its generator learnt from, e.g. `r0f1g0`; empty
            where the set does not say.
        selected: Whether it was found good enough to use.
    """

    key: str
    label: str
    image: NDArray[Any]
    mask: NDArray[np.uint8] | None = None
    spacing_mm: tuple[float, ...] | None = None
    trained_on: str = ""
    selected: bool = True


@dataclass(frozen=True)
class About:
    """What a set says of all its images; an absent value is not known.

    Args:
        unit: Unit of the pixels, e.g. `HU`.
        window: Values to be shown as black and white.
        dtype: The narrowest type that holds the pixels.
        channels: Channel names.
        classes: Class names in order.
        positive_class: The class whose detection is sensitivity.
        orientation: Axis codes, e.g. `PLS`, or `image`.
        note: What every output must repeat.
        masks: Whether every image comes with a mask.
    """

    unit: str | None
    window: tuple[float, float] | None
    dtype: np.dtype[Any]
    channels: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    positive_class: str | None = None
    orientation: str = "image"
    note: str = ""
    masks: bool = False


class Reader(Protocol):
    """A format of sets of labelled images."""

    def __init__(self, path: Path) -> None:
        """Find the images; raise a DataError if the whole set is unusable."""

    def about(self) -> About:
        """Say what holds for all images."""

    def __len__(self) -> int:
        """Count the images that will be tried, broken ones included."""

    def records(self) -> Iterator[Record | Broken]:
        """Decode in a fixed order; a broken image is yielded with its reason, never raised."""


def decoded(
    items: Iterable[Item], read: Callable[[Item], Record], name: Callable[[Item], str]
) -> Iterator[Record | Broken]:
    """Read item by item; one that raises an UnusableError is yielded as broken, by its name."""
    for item in items:
        try:
            yield read(item)
        except UnusableError as problem:
            yield Broken(name(item), str(problem))


def open_reader(path: Path | str, kind: str | None = None) -> Reader:
    """Open a set of images.

    Args:
        path: A file or a directory.
        kind: A name of `registry.READERS`, or None to go by what lies there.

    Raises:
        DataError: If there is nothing, or nothing that can be read.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(path, "does not exist; correct the path")
    kind = kind or detect(path)
    if kind not in READERS:
        raise DataError("format", choose_one_of(kind, READERS))
    with guarded.hushed():
        reader: Reader = READERS.load(kind)(path)
    if not len(reader):
        raise DataError(path, f"holds no image that the format {kind} reads; name another format")
    return reader


def detect(path: Path) -> str:
    """Tell the format of a set by its files.

    Raises:
        DataError: If no format is recognised.
    """
    if path.is_file():
        names = [path.name.lower()]
    else:
        if (path / "meta.json").is_file() and (path / "images.npy").is_file():
            return "imageset"
        names = [each.name.lower() for each in path.rglob("*") if each.is_file()]
    for kind, endings in (
        ("npz", (".npz",)),
        ("nifti", (".nii", ".nii.gz")),
        ("folder", (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")),
        ("dicom", (".dcm", ".dicom", ".ima")),
    ):
        if any(name.endswith(endings) for name in names):
            return kind
    if path.is_dir() and any("." not in name for name in names):
        return "dicom"  # whose files often have no ending
    raise DataError(path, f"is in no known format; name one of {', '.join(READERS)}")
