"""Bring somebody's images to one shape, unit and set of classes, and count what was changed.

The rule, in this order. Axes are turned to the wanted orientation where both are known. Channels:
grey is repeated for colour, colour becomes grey by ITU-R 601. Shape: what sticks out of the wanted
proportions is cut off evenly at both ends, and the rest is resampled in one linear interpolation,
averaging where it shrinks. Values: in the wanted unit, such as HU, they stay as they are; grey
levels between other ends, or another unit, are mapped from the set's window onto the wanted one, a
straight line that can be reversed. What the stored type cannot hold is clipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PipelineError
from pipeline.imageset import Meta
from pipeline.readers import turning
from pipeline.readers.reader import About, Reader, Record
from pipeline.sources import geometry, guarded
from pipeline.sources.source import Broken, UnusableError

# Units whose values mean something only between black and white.
_RELATIVE = frozenset({"grey level", "intensity"})
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Wanted:
    """What images are brought to.

    Args:
        meta: Classes, channels, unit and window.
        shape: (C, *spatial).
        dtype: The stored type.
        masks: Whether images without a mask are refused; masks are dropped where it is false.
        classes: Their class names -> ours; a name that is not listed stays as it is.
    """

    meta: Meta
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    masks: bool = False
    classes: Mapping[str, str] = field(default_factory=dict)


class Fitting:
    """Brings records of one set to what is wanted.

    Args:
        wanted: What that is.
        about: What the set says of itself.

    Attributes:
        changes: How many images were changed, by what was done: `turned`, `channels`, `cropped`,
            `resampled`, `rescaled`, `clipped`, `relabelled`.
    """

    def __init__(self, wanted: Wanted, about: About) -> None:
        self.changes: Counter[str] = Counter()
        self._wanted = wanted
        self._orientation = about.orientation
        self._window = None if _is_same_scale(about, wanted) else about.window
        if self._window is None and about.unit != wanted.meta.unit:
            raise UnknownUnitError(wanted.meta.unit)

    def __call__(self, record: Record) -> Record:
        """Bring one record to what is wanted.

        Raises:
            UnusableError: With the reason why it cannot be.
        """
        wanted, changed = self._wanted, set[str]()
        label = wanted.classes.get(record.label, record.label)
        if label not in wanted.meta.classes:
            known = ", ".join(wanted.meta.classes)
            raise UnusableError(f"its class {record.label!r} is none of {known}: map it in classes")
        if label != record.label:
            changed.add("relabelled")
        record = self._turned(record, changed)
        image = self._channels(record.image, changed)
        image, mask, spacing = self._shaped(image, record, changed)
        image = self._valued(image, changed)
        if not np.isfinite(image).all():
            raise UnusableError("its image holds NaN or infinite values")
        if image.min() == image.max():
            raise UnusableError("its image is constant")
        self.changes.update(changed)
        return replace(record, label=label, image=image, mask=mask, spacing_mm=spacing)

    def _turned(self, record: Record, changed: set[str]) -> Record:
        """The record in the wanted orientation, with as many spacings as axes."""
        dims, mask, spacing = record.image.ndim - 1, record.mask, record.spacing_mm
        if spacing is not None:
            if len(spacing) < dims:
                raise UnusableError(f"is {dims}D, but has a spacing of {len(spacing)} numbers")
            spacing = spacing[:dims]  # a slice of a volume has the volume's
        have, want = (codes[:dims] for codes in (self._orientation, self._wanted.meta.orientation))
        turn = None
        if turning.is_known(have) and turning.is_known(want) and len(have) == len(want) == dims:
            turn = turning.between(have, want)
        if turn is None:
            return replace(record, spacing_mm=spacing)
        changed.add("turned")
        return replace(
            record,
            image=turn.image(record.image),
            mask=None if mask is None else turn.image(mask),
            spacing_mm=None if spacing is None else turn.spacing(spacing),
        )

    def _channels(self, image: NDArray[Any], changed: set[str]) -> NDArray[Any]:
        have, want = len(image), self._wanted.shape[0]
        if have == want:
            return image
        changed.add("channels")
        if (have, want) == (1, 3):
            return np.repeat(image, want, axis=0)
        if (have, want) == (3, 1):
            return np.tensordot(_LUMA, image.astype(np.float32), 1)[None]
        raise UnusableError(f"has {have} channels, and {want} are wanted")

    def _shaped(
        self, image: NDArray[Any], record: Record, changed: set[str]
    ) -> tuple[NDArray[Any], NDArray[np.uint8] | None, tuple[float, ...] | None]:
        size, have = self._wanted.shape[1:], image.shape[1:]
        if len(size) != len(have):
            raise UnusableError(f"is {len(have)}D, and {len(size)}D images are wanted")
        mask = record.mask if self._wanted.masks else None
        if self._wanted.masks and (mask is None or mask.shape[1:] != have):
            raise UnusableError("has no mask of its image's shape")
        if have == size:
            return image, mask, record.spacing_mm
        factor = min(has / want for has, want in zip(have, size, strict=True))
        extent = tuple(factor * want for want in size)
        if any(abs(has - length) > 0.5 for has, length in zip(have, extent, strict=True)):
            changed.add("cropped")
        if factor != 1:
            changed.add("resampled")
        centre = geometry.image_centre(image)
        if mask is not None:
            mask = geometry.mask_view(mask, centre, extent, size)
        known = record.spacing_mm
        spacing = None if known is None else tuple(mm * factor for mm in known)
        return geometry.field_of_view(image, centre, extent, size), mask, spacing

    def _valued(self, image: NDArray[Any], changed: set[str]) -> NDArray[Any]:
        if self._window is not None and self._window != self._wanted.meta.window:
            changed.add("rescaled")
            (low, high), (black, white) = self._window, self._wanted.meta.window
            image = (image.astype(np.float32) - low) * ((white - black) / (high - low)) + black
        if self._wanted.dtype.kind not in "iu":
            return image
        bounds = np.iinfo(self._wanted.dtype)
        if image.min() < bounds.min or image.max() > bounds.max:
            changed.add("clipped")
            image = np.clip(image, bounds.min, bounds.max)
        return image


def _is_same_scale(about: About, wanted: Wanted) -> bool:
    """Whether values mean the same in both."""
    if about.unit != wanted.meta.unit:
        return False
    if about.unit not in _RELATIVE or about.window in (None, wanted.meta.window):
        return True
    # The whole range of the type that is stored: grey levels just as they were.
    dtype = wanted.dtype
    return dtype.kind == "u" and about.window == (0.0, float(np.iinfo(dtype).max))


class UnknownUnitError(PipelineError):
    """A set says neither its unit nor which values are black and white."""

    def __init__(self, unit: str) -> None:
        super().__init__(
            "the images do not say which values are black and white; give `window` (and `unit: "
            f"{unit}` if they are in {unit} already)"
        )


def fitted(reader: Reader, fitting: Fitting) -> Iterator[tuple[int, Record | Broken]]:
    """Number a set's images from 1, each brought to what is wanted or broken with its reason."""
    number = 0
    records = reader.records()
    while True:
        with guarded.hushed():
            found = next(records, None)
            if found is None:
                return
            number += 1
            if isinstance(found, Record):
                try:
                    found = fitting(found)
                except UnusableError as problem:
                    found = Broken(found.key, str(problem))
        yield number, found
