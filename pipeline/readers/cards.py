"""What a set says of all its images: `card.json`, `about.json` or `datalist.json` beside them.

The exports of this pipeline write such a card. Somebody else's may say as much of it as is known:
`classes` in order, `channels`, `unit`, `window`, `orientation`, `positive_class` and `note`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.imageset import narrowest_dtype
from pipeline.readers import turning
from pipeline.readers.reader import About

GREY = "grey level"
CARDS = ("card.json", "about.json", "datalist.json")
_GREATEST = 1e300


@dataclass(frozen=True)
class Card:
    """What a set says of itself; absent values are None or empty.

    Args:
        classes: In order.
        channels: Names.
        unit: Of the pixels.
        window: Black and white.
        orientation: Axis codes, or `image`.
        positive_class: The class whose detection is sensitivity.
        note: What every output must repeat.
        shape: (C, *spatial) of the images that were exported.
        ours: Whether an export of this pipeline wrote it.
    """

    classes: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    unit: str | None = None
    window: tuple[float, float] | None = None
    orientation: str | None = None
    positive_class: str | None = None
    note: str = ""
    shape: tuple[int, ...] | None = None
    ours: bool = False

    def about(
        self,
        dtype: np.dtype[Any],
        unit: str | None = None,
        window: tuple[float, float] | None = None,
        *,
        channels: tuple[str, ...] | None = None,
        orientation: str = "image",
        masks: bool = False,
    ) -> About:
        """What holds for all images: what the card says, and where it is silent the arguments."""
        return About(
            unit=self.unit or unit,
            window=self.window or window,
            dtype=dtype,
            channels=self.channels or channels,
            classes=self.classes,
            positive_class=self.positive_class,
            orientation=self.orientation or orientation,
            note=self.note,
            masks=masks,
        )

    def grey_dtype(self, white: float) -> np.dtype[Any]:
        """The narrowest type that holds grey levels, 0 to `white`, in the card's unit.

        A window narrower than they are many, such as 0 to 1, needs fractions; HU are whole.
        """
        if not self.unit or self.window is None:
            return narrowest_dtype(0.0, white)
        low, high = self.window
        whole = low.is_integer() and high.is_integer() and high - low >= white
        if whole or self.unit == "HU":
            return narrowest_dtype(min(0.0, low), max(high, 255.0))
        return np.dtype(np.float32)

    def unscaled(self, pixels: NDArray[Any], white: float) -> NDArray[Any]:
        """Give grey levels, 0 to `white`, back in the card's unit: they span its window."""
        if not self.unit or self.window is None or self.window == (0.0, white):
            return pixels
        low, high = self.window
        shares: NDArray[np.float32] = pixels.astype(np.float32) / np.float32(white)
        return shares * np.float32(high - low) + np.float32(low)

    def named(self, label: str) -> str:
        """The class of a label in a table or a folder: its name, or else its number."""
        if self.classes is None or label in self.classes or not label.isdecimal():
            return label
        return self.at(int(label))

    def at(self, index: int) -> str:
        """The class of a number in an array or a list, which counts the classes."""
        if self.classes is None or not 0 <= index < len(self.classes):
            return str(index)
        return self.classes[index]

    def mask(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """A mask as it was exported; of others, whatever is above zero is inside."""
        return np.asarray(values if self.ours else values > 0, np.uint8)


def read_card(root: Path) -> Card:
    """Read what lies beside the images; nothing said is no error.

    Raises:
        DataError: If a card is no JSON, or its window or orientation is none.
    """
    for name in CARDS:
        if (root / name).is_file():
            values = read_json(root / name)
            if isinstance(values, Mapping):
                return _card(root / name, values)
    return Card()


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        DataError: If it is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise DataError(path, f"is not readable as JSON ({type(error).__name__})") from None


def _card(path: Path, values: Mapping[str, Any]) -> Card:
    # A data card keeps what is about pixels together; older ones have all in one place.
    pixels = values.get("pixels")
    values = {**values, **(pixels if isinstance(pixels, Mapping) else {})}

    def listed(name: str, kind: type) -> tuple[Any, ...] | None:
        found = values.get(name)
        return tuple(map(kind, found)) if isinstance(found, list) and found else None

    whole = isinstance(values.get("shape"), list) and all(
        isinstance(each, int) for each in values["shape"]
    )
    return Card(
        classes=listed("classes", str),
        channels=listed("channels", str),
        unit=str(values.get("unit") or "") or None,
        window=_window(path, values.get("window")),
        orientation=_orientation(path, str(values.get("orientation") or "")),
        positive_class=str(values.get("positive_class") or "") or None,
        note=str(values.get("note") or ""),
        shape=listed("shape", int) if whole else None,
        ours=values.get("synthetic") is True and "format" in values,
    )


def _window(path: Path, found: Any) -> tuple[float, float] | None:
    if found is None:
        return None
    numbers = isinstance(found, list) and all(
        isinstance(each, int | float) and -_GREATEST < each < _GREATEST for each in found
    )
    if not numbers or len(found) != 2 or not found[0] < found[1]:
        raise DataError(
            path,
            f"has the window {found!r}; give two numbers, the value that is black and a greater "
            "one that is white, as in [-100, 200]",
        )
    return float(found[0]), float(found[1])


def _orientation(path: Path, found: str) -> str | None:
    if found and found != "image" and not turning.is_known(found):
        raise DataError(
            path,
            f"has the orientation {found!r}; give the side that each axis increases towards, as "
            "in 'PLS', or 'image' where it is unknown",
        )
    return found or None
