"""What an ImageSet's files hold: the manifest's columns, and what is the same for every image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FORMAT_VERSION = 1
COLUMNS = (
    "image_id",
    "label",
    "patient_id",
    "origin",
    "parent_ids",
    "seed",
    "selected",
    "selection_score",
    "spacing_mm",
    "sha256",
)


@dataclass(frozen=True)
class Meta:
    """What holds for every image of a set.

    Args:
        classes: Label names; the position is the class index everywhere.
        channels: Channel names, e.g. `("CT",)` or `("red", "green", "blue")`.
        unit: Unit of the stored pixels, e.g. `HU` or `grey level`.
        window: Stored values that map to -1 and 1; values outside are clipped.
        orientation: Axis codes of the spatial axes, e.g. `RAS` or `AP`, or `image`.
        positive_class: The class whose detection is sensitivity, when there are two.
        note: A sentence that every output repeats, e.g. that the scans are a phantom's.
        version: Format version.
    """

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    unit: str
    window: tuple[float, float]
    orientation: str = "image"
    positive_class: str | None = None
    note: str = ""
    version: int = FORMAT_VERSION

    def scale(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Map stored values to model input in [-1, 1], clipping at the window."""
        low, high = self.window
        scaled = (stored.astype(np.float32) - low) * (2.0 / (high - low)) - 1.0
        clipped: NDArray[np.float32] = np.clip(scaled, -1.0, 1.0, dtype=np.float32)
        return clipped

    def unscale(self, scaled: ArrayLike, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Map model output in [-1, 1] back to stored values, rounding integer types."""
        low, high = self.window
        stored = (np.clip(np.asarray(scaled, np.float32), -1.0, 1.0) + 1.0) * ((high - low) / 2.0)
        stored = stored + low
        return (np.rint(stored) if np.issubdtype(dtype, np.integer) else stored).astype(dtype)


def narrowest_dtype(low: float, high: float) -> np.dtype[Any]:
    """Choose the narrowest integer type that holds whole numbers from low to high."""
    for dtype in (np.uint8, np.int16, np.uint16, np.int32):
        bounds = np.iinfo(dtype)
        if bounds.min <= low and high <= bounds.max:
            return np.dtype(dtype)
    return np.dtype(np.float32)


def spacing_text(spacing_mm: Sequence[float]) -> str:
    """Write a cell of the column `spacing_mm`: as many digits as 32 bits hold, and no more."""
    return "x".join(np.format_float_positional(np.float32(mm), trim="-") for mm in spacing_mm)


def parsed_spacing(text: str) -> tuple[float, ...]:
    """Read a cell of the column `spacing_mm`, e.g. `0.5x0.5x2`; nothing where it is empty."""
    return tuple(float(mm) for mm in text.split("x")) if text else ()
