"""What every source gives to ingest.

To add a source: a file here with a class that satisfies `Source`, one line in
`registry.SOURCES`; the contract tests run it. A source decodes, crops and resamples; it never
pseudonymises, writes or decides about quarantine shares: ingest does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Section


@dataclass(frozen=True)
class Target:
    """What ingest asks of every source.

    Args:
        size: *spatial of the images to make; two axes or three.
        window: Stored values that map to -1 and 1, or None for the source's own.
        seed: The root seed, for sources that draw.
    """

    size: tuple[int, ...]
    window: tuple[float, float] | None
    seed: int


@dataclass(frozen=True)
class Settings:
    """What a source says of all its images.

    Args:
        channels: Channel names.
        unit: Unit of the pixels that `Scan.image` holds.
        window: The window to scale with (the target's, where it gave one).
        low: Least value that can occur, to choose the stored type.
        high: Greatest value that can occur.
        orientation: Axis codes, e.g. `RA` or `RAS`, or `image`.
        integer: Whether pixels are whole numbers (stored narrow) or not (stored float32).
        masks: Whether every scan comes with a mask.
        empty_masks: Whether a mask may be empty, which then says that there is nothing to outline.
        classes: Class names in order, where the source knows them; else sorted as met.
        note: A sentence that every output must repeat, or nothing.
        folders: Class names that are names of folders, which may be patients'.
    """

    channels: tuple[str, ...]
    unit: str
    window: tuple[float, float]
    low: float
    high: float
    orientation: str = "image"
    integer: bool = True
    masks: bool = False
    empty_masks: bool = False
    classes: tuple[str, ...] | None = None
    note: str = ""
    folders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scan:
    """One labelled image, decoded to the target's size.

    Args:
        key: Where it came from, unique in the source; may identify a patient, never stored.
        label: The class name.
        patient: The raw patient identifier, or None where the source has none.
        image: (C, *spatial) in the source's unit.
        mask: (1, *spatial) uint8, or None.
        spacing_mm: Millimetres between pixel centres after resampling, one per spatial axis.
        part: The source's official part, `train`, `val` or `test`.
        attributes: Extra manifest columns; must hold nothing that identifies a patient.
        identifiers: What else names the patient, e.g. the parts of the name; never stored, so that
            ingest can refuse labels and attributes that repeat it.
    """

    key: str
    label: str
    patient: str | None
    image: NDArray[Any]
    mask: NDArray[np.uint8] | None = None
    spacing_mm: tuple[float, ...] | None = None
    part: str | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Broken:
    """One input that cannot be used.

    Args:
        key: Where it came from; may identify a patient, never written as it is.
        reason: One sentence that says what is wrong with it and names no patient.
        scan: Whether it was to be one. Reports and the like are listed and count for nothing.
    """

    key: str
    reason: str
    scan: bool = True


class UnusableError(Exception):
    """Why one input cannot be used, in words that name no patient; a source makes it `Broken`."""


class Source(Protocol):
    """A kind of input."""

    Options: ClassVar[type[Section]]

    def __init__(self, path: Path, options: Any, target: Target) -> None:
        """Store what to read; raise a PipelineError if the whole input is unusable."""

    def settings(self) -> Settings:
        """Say what holds for all images."""

    def __len__(self) -> int:
        """Count the scans that will be tried, broken ones included."""

    def scans(self) -> Iterator[Scan | Broken]:
        """Decode in a fixed order; a broken scan is yielded, never raised or dropped."""
