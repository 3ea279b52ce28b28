"""What is known of some scans: what is said of them, and what ingest would be told.

To add a format: a file here with `describe(contents) -> Description`, and a line in
`recognition.FORMATS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.survey.classes import Classes

SMALL, LARGE = 32, 64
_BIG = 128
_PIXELS = 4096
_PERCENTILES = (0, 1, 5, 50, 95, 99, 100)


@dataclass(frozen=True)
class Sample:
    """Scans to try, and how their source is told of them.

    Args:
        links: Path in the trial's directory -> path relative to the scans' directory.
        table: Name and rows of a label table to write there, columns as `options` name them.
        options: The source's options for the trial.
    """

    links: Mapping[str, str]
    table: tuple[str, Sequence[Mapping[str, str]]] | None
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Description:
    """What is known of some scans.

    Args:
        form: The format, in words.
        source: The source that reads it; None where it needs none.
        said: (what, figures) in reading order; names nobody.
        size: *spatial to suggest.
        window: Window to suggest, or None for the source's own.
        options: Options to suggest.
        classes: The classes, where they are told.
        sample: What to try.
        missing: What the scans lack for ingest, a sentence each.
        below: Folder of the path that `ingest.path` must name, or nothing.
    """

    form: str
    source: str | None
    said: Sequence[tuple[str, str]]
    size: tuple[int, ...]
    window: tuple[float, float] | None
    options: Mapping[str, Any]
    classes: Classes | None
    sample: Sample
    missing: Sequence[str] = ()
    below: str = ""


@dataclass
class Values:
    """Pixel values, some of each image.

    Args:
        parts: Values of one image each.
    """

    parts: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, pixels: NDArray[Any]) -> None:
        """Take evenly spaced values of one image."""
        flat = pixels.reshape(-1)
        finite = np.asarray(flat[:: max(1, len(flat) // _PIXELS)], np.float64)
        self.parts.append(finite[np.isfinite(finite)])

    def at(self, *percentiles: float) -> tuple[float, ...]:
        """Percentiles over all images; zeros where there is no image."""
        united = np.concatenate([*self.parts, np.zeros(0)])
        if not len(united):
            return (0.0,) * len(percentiles)
        return tuple(float(value) for value in np.percentile(united, percentiles))

    def shown(self, unit: str) -> str:
        """Least, greatest and what lies between, in words."""
        found = self.at(*_PERCENTILES)
        between = ", ".join(
            f"{share}%: {value:.6g}"
            for share, value in zip(_PERCENTILES[1:-1], found[1:-1], strict=True)
        )
        counted = f"of {len(self.parts)} images"
        return f"{found[0]:.6g} to {found[-1]:.6g} {unit} ({between}; {counted})"

    def window(self) -> tuple[float, float]:
        """The middle 99% in numbers of two digits, at least one apart."""
        low, high = self.at(0.5, 99.5)
        step = 10.0 ** np.floor(np.log10(max(high - low, 1.0)) - 1)
        rounded = float(np.floor(low / step) * step), float(np.ceil(high / step) * step)
        return rounded if rounded[0] < rounded[1] else (rounded[0], rounded[0] + 1.0)


def ranges(rows: Iterable[Sequence[float]], unit: str = "") -> str:
    """Tell the range of each axis, e.g. `20-48 x 18-40 px`."""
    axes = list(zip(*rows, strict=False))
    if not axes:
        return "not told"
    parts = [
        f"{min(axis):.4g}"
        if min(axis) == max(axis)
        else f"{min(axis):.4g}\N{EN DASH}{max(axis):.4g}"
        for axis in axes
    ]
    return " x ".join(parts) + (f" {unit}" if unit else "")


def spread(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count` items, evenly spaced over a sequence."""
    if len(items) <= count:
        return list(items)
    return [items[int(place)] for place in np.linspace(0, len(items) - 1, count)]


def suggested_size(shortest: Iterable[float]) -> tuple[int, int]:
    """A size for a first run: small, unless the images are large."""
    sides = list(shortest)
    side = LARGE if sides and float(np.median(sides)) >= _BIG else SMALL
    return side, side
