"""Numbers as DICOM holds them: identifiers, decimal strings, and pixels with their rescaling."""

from __future__ import annotations

import hashlib
import math
import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.valuerep import format_number_as_ds

_GREATEST = 2**16 - 1


@dataclass(frozen=True)
class Stored:
    """An image in 8 or 16 bits.

    Args:
        pixels: uint8, uint16 or int16, in the image's shape.
        slope: `value = slope * pixel + intercept`, as the header can say it.
        intercept: Likewise.
    """

    pixels: NDArray[Any]
    slope: str
    intercept: str


def unique_identifier(seed: int, *names: str | int | bytes) -> str:
    """Make a UID below 2.25 (ISO/IEC 9834-8), which no authority needs to give out.

    Args:
        seed: The root seed.
        names: What it is for; a digest of the pixels among them, so that other images made with
            the same seed get other identifiers.
    """
    parts = [str(seed), *(each.hex() if isinstance(each, bytes) else str(each) for each in names)]
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def decimal(number: float) -> str:
    """Write a number in the 16 characters that DICOM allows, exactly where they are enough."""
    whole = int(number)
    return str(whole) if whole == number and abs(whole) < 10**15 else format_number_as_ds(number)


def to_sixteen_bits(image: NDArray[Any]) -> Stored:
    """Store grey values so that the header restores them.

    Whole numbers that fit are kept; others are spread over 16 bits between the image's own least
    and greatest value, and come back within half a step.
    """
    low, high = float(image.min()), float(image.max())
    if image.dtype.kind in "biu":
        for dtype in (np.int16, np.uint16):
            bounds = np.iinfo(dtype)
            if bounds.min <= low and high <= bounds.max:
                return Stored(image.astype(dtype), "1", "0")
    intercept = decimal(low)
    span = max(high - float(intercept), 0.0)
    if span == 0.0:
        return Stored(np.zeros(image.shape, np.uint16), "1", intercept)
    slope = _rounded_up(span / _GREATEST)
    steps = (image.astype(np.float64) - float(intercept)) / float(slope)
    return Stored(np.clip(np.rint(steps), 0, _GREATEST).astype(np.uint16), slope, intercept)


def _rounded_up(number: float) -> str:
    """A decimal string that is no less, so that a greatest value stays within 16 bits."""
    text = decimal(number)
    if float(text) >= number:
        return text
    digit = 10.0 ** (math.floor(math.log10(number)) - 8)
    return decimal(number + digit)
