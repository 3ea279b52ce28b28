"""What every export shares: its contract, and the samples on their way out.

To add an export: a file here with a class that satisfies `Export` and one line in
`registry.EXPORTS`; the contract tests run it. Exports read image by image and write their tables
row by row, so that their memory does not grow with the set. Files go in folders by `trained_on`,
so that the images that suit a fold are found without a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Section
from pipeline.errors import DataError
from pipeline.exports.facts import Facts
from pipeline.exports.folder import Folder
from pipeline.imageset import ImageSet, Meta, parsed_spacing, spacing_text
from pipeline.imageset.orientation import Axes, axes_of

_READ = ("image_id", "label", "seed", "selected", "selection_score", "spacing_mm")


@dataclass(frozen=True)
class Sample:
    """One image on its way out; its pixels are read when asked for.

    Args:
        image_id: Its id in the ImageSet.
        label: Class name.
        trained_on: The fold whose training rows made it, e.g. `r0f1g0`.
        seed: What it was drawn with, or nothing.
        selected: Whether it was found good enough to use.
        selection_score: In [0, 1], or nothing.
        spacing_mm: Millimetres between pixel centres, or nothing where unknown.
        images: The set that it is in.
        row: Its position there.
    """

    image_id: str
    label: str
    trained_on: str
    seed: str
    selected: bool
    selection_score: str
    spacing_mm: tuple[float, ...]
    images: ImageSet
    row: int

    @property
    def image(self) -> NDArray[Any]:
        """(C, *spatial) in the stored unit."""
        pixels: NDArray[Any] = self.images.stored([self.row])[0]
        return pixels

    @property
    def mask(self) -> NDArray[Any] | None:
        """(1, *spatial) uint8, or None."""
        return self.images.masks([self.row])[0] if self.images.has_masks else None

    @property
    def stem(self) -> str:
        """Where its files are, without their ending: the fold and a safe name."""
        return f"{file_name(self.trained_on)}/{file_name(self.image_id)}"

    @property
    def described(self) -> tuple[object, ...]:
        """What `DESCRIBED` names."""
        told = (self.label, self.trained_on, self.seed, int(self.selected), self.selection_score)
        return (*told, spacing_text(self.spacing_mm))


# The columns that every table of an export ends with.
DESCRIBED = ("label", "trained_on", "seed", "selected", "selection_score", "spacing_mm")


@dataclass(frozen=True)
class Shipment:
    """What leaves in a format.

    Args:
        sets: At least one, alike in what `meta` says, in shape and in having masks.
        facts: What holds for all of it.
        everything: Whether images that selection refused leave too.

    Raises:
        DataError: If two sets differ, or no image would leave.
    """

    sets: tuple[ImageSet, ...]
    facts: Facts
    everything: bool = False

    def __post_init__(self) -> None:
        first = self.sets[0]
        for other in self.sets[1:]:
            alike = (first.meta, first.shape, first.has_masks, first.dtype)
            if (other.meta, other.shape, other.has_masks, other.dtype) != alike:
                raise DataError(
                    other.root,
                    f"differs from {first.root} in meta.json, in the images' shape or type, or in "
                    "having masks; sets that leave together need the same",
                )
        if not len(self):
            raise DataError(first.root, "has no selected image; export all, or select more")

    @property
    def meta(self) -> Meta:
        """What holds for every image."""
        return self.sets[0].meta

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, *spatial) of one image."""
        return self.sets[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The stored type of every image."""
        return self.sets[0].dtype

    @property
    def axes(self) -> Axes:
        """Where the stored axes point.

        Raises:
            DataError: If `meta.orientation` is neither `image` nor a side for every axis.
        """
        place = self.sets[0].root / "meta.json"
        return axes_of(self.meta.orientation, len(self.shape) - 1, place=place)

    @property
    def has_masks(self) -> bool:
        """Whether every image comes with a mask."""
        return self.sets[0].has_masks

    def __len__(self) -> int:
        """Count the images that leave."""
        if self.everything:
            return sum(len(images) for images in self.sets)
        return sum(int(images.manifest["selected"].eq(1).sum()) for images in self.sets)

    def samples(self) -> Iterator[Sample]:
        """Iterate over the images that leave, in order."""
        for images in self.sets:
            columns = (images.manifest[name] for name in _READ)
            for row, cells in enumerate(zip(*columns, strict=True)):
                image_id, label, seed, selected, score, spacing = cells
                if self.everything or selected == 1:
                    yield Sample(
                        image_id=str(image_id),
                        label=str(label),
                        trained_on=images.root.name,
                        seed=_number(seed),
                        selected=bool(selected == 1),
                        selection_score=_number(score),
                        spacing_mm=parsed_spacing(spacing),
                        images=images,
                        row=row,
                    )


class Export(Protocol):
    """A format that images leave the pipeline in.

    Attributes:
        Options: The format's own parameters, `export.options.<format>`.
        opening: How to open it, in a few lines of Python, for the data card.
    """

    Options: ClassVar[type[Section]]
    opening: ClassVar[str]

    def __init__(self, options: Any) -> None:
        """Store the options."""

    def write(self, shipment: Shipment, folder: Folder) -> None:
        """Write the images, their masks and a table of labels into a folder."""


def file_name(text: str) -> str:
    """Turn an id into a name that every file system takes."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text) or "_"


def class_folders(classes: tuple[str, ...]) -> dict[str, str]:
    """Name a folder for each class, different ones for different classes on any file system."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for index, label in enumerate(classes):
        name = file_name(label)
        if name.lower() in taken or name.strip(".") == "":
            name = f"{name}-{index}"
        taken.add(name.lower())
        names[label] = name
    return names


def _number(cell: object) -> str:
    """A cell of numbers as text: nothing where it is empty or not a number."""
    text = str(cell)
    return "" if text == "nan" else text
