"""The ImageSet: the one thing that stages exchange.

A directory with `images.npy` (N, C, *spatial), optionally `masks.npy` (N, 1, *spatial) uint8,
`manifest.csv` (a row an image) and `meta.json`. Pixels stay in the scan's own unit and narrowest
safe dtype; `Meta.window` is the one reversible scaling to model input in [-1, 1].
Reading validates and memory-maps; nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import DataError

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
_TEXT = ("image_id", "label", "patient_id", "origin", "parent_ids", "spacing_mm", "sha256")


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


class ImageSet:
    """A validated, memory-mapped set of labelled images, or some rows of one.

    Attributes:
        root: The directory it was read from.
        meta: What holds for every image.
        manifest: One row an image, in pixel order, with a fresh 0-based index.
    """

    def __init__(
        self,
        root: Path,
        meta: Meta,
        manifest: pd.DataFrame,
        images: NDArray[Any],
        masks: NDArray[Any] | None,
        rows: NDArray[np.int64],
    ) -> None:
        self.root = root
        self.meta = meta
        self.manifest = manifest
        self._images = images
        self._masks = masks
        self._rows = rows

    @classmethod
    def open(cls, root: Path | str) -> Self:
        """Open and check the set in a directory.

        Raises:
            DataError: If a file is missing, of another format version, or if the parts disagree;
                the message names the file.
        """
        root = Path(root)
        meta = _read_meta(root / "meta.json")
        manifest = _read_manifest(root / "manifest.csv", meta)
        images = _map_array(root / "images.npy")
        if len(images) != len(manifest):
            raise DataError(
                root / "images.npy",
                f"holds {len(images)} images but manifest.csv has {len(manifest)} rows; "
                "make the set again",
            )
        if images.ndim not in (4, 5) or images.shape[1] != len(meta.channels):
            raise DataError(
                root / "images.npy",
                f"has shape {images.shape}, expected (N, {len(meta.channels)}, *spatial) "
                "with 2 or 3 spatial axes",
            )
        masks = None
        if (root / "masks.npy").exists():
            masks = _map_array(root / "masks.npy")
            if masks.shape != (len(images), 1, *images.shape[2:]) or masks.dtype != np.uint8:
                raise DataError(
                    root / "masks.npy",
                    f"is {masks.dtype} {masks.shape}, expected uint8 "
                    f"{(len(images), 1, *images.shape[2:])}",
                )
        return cls(root, meta, manifest, images, masks, np.arange(len(images)))

    def __len__(self) -> int:
        """Count the images."""
        return len(self._rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, *spatial) of one image."""
        return tuple(self._images.shape[1:])

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self._images.ndim - 2

    @property
    def dtype(self) -> np.dtype[Any]:
        """The stored pixel type."""
        return self._images.dtype

    @property
    def has_masks(self) -> bool:
        """Whether every image comes with a mask."""
        return self._masks is not None

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) class indices into `meta.classes`."""
        position = {name: index for index, name in enumerate(self.meta.classes)}
        return np.asarray(self.manifest["label"].map(position), np.int64)

    @property
    def spacing(self) -> NDArray[np.float32]:
        """(N, D) millimetres between pixel centres along each axis; ones where it is unknown.

        Raises:
            DataError: If a row gives another number of axes than the images have, or no numbers.
        """
        rows = []
        for text in self.manifest["spacing_mm"]:
            try:
                row = parsed_spacing(text) or (1.0,) * self.spatial_dims
            except ValueError:
                row = ()
            if len(row) != self.spatial_dims or not all(0 < mm < np.inf for mm in row):
                raise DataError(
                    self.root / "manifest.csv",
                    f"has the spacing_mm {text!r}; give {self.spatial_dims} positive numbers as "
                    "in 0.5x0.5, or nothing",
                )
            rows.append(row)
        return np.asarray(rows, np.float32).reshape(len(rows), self.spatial_dims)

    def take(self, rows: ArrayLike) -> ImageSet:
        """View some rows, given as positions or as a boolean mask, in the given order."""
        chosen = np.asarray(rows)
        positions = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        return ImageSet(
            self.root,
            self.meta,
            self.manifest.iloc[positions].reset_index(drop=True),
            self._images,
            self._masks,
            self._rows[positions],
        )

    def stored(self, rows: ArrayLike | slice = slice(None)) -> NDArray[Any]:
        """Read images in their stored unit, (n, C, *spatial)."""
        return np.asarray(self._images[self._at(rows)])

    def scaled(self, rows: ArrayLike | slice = slice(None)) -> NDArray[np.float32]:
        """Read images as model input, (n, C, *spatial) float32 in [-1, 1]."""
        return self.meta.scale(self.stored(rows))

    def masks(self, rows: ArrayLike | slice = slice(None)) -> NDArray[np.uint8]:
        """Read masks, (n, 1, *spatial) uint8.

        Raises:
            DataError: If the set has none.
        """
        if self._masks is None:
            raise DataError(self.root, "has no masks.npy, but masks were asked for")
        return np.asarray(self._masks[self._at(rows)])

    def _at(self, rows: ArrayLike | slice) -> NDArray[np.int64]:
        """Where rows of this view lie in the files."""
        if isinstance(rows, slice):
            return self._rows[rows]
        chosen = np.asarray(rows)
        positions = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        return self._rows[positions]


class ImageSetWriter:
    """Write an ImageSet image by image, in bounded memory.

    Used as a context manager; the set is complete, and `meta.json` exists, only once the block
    ends without an error. Fewer images than the capacity are fine: the files are cut to size.

    Args:
        root: Directory to write into; made if absent.
        meta: What holds for every image.
        capacity: The most images that will be added.
        shape: (C, *spatial) of one image.
        dtype: Stored pixel type.
        masks: Whether every image comes with a mask.
    """

    def __init__(
        self,
        root: Path | str,
        meta: Meta,
        *,
        capacity: int,
        shape: Sequence[int],
        dtype: np.dtype[Any] | type,
        masks: bool = False,
    ) -> None:
        self.root = Path(root)
        self.meta = meta
        self._capacity = capacity
        self._shape = tuple(shape)
        self._dtype = np.dtype(dtype)
        self._with_masks = masks
        self._rows: list[dict[str, object]] = []

    def __enter__(self) -> Self:
        """Create the files."""
        self.root.mkdir(parents=True, exist_ok=True)
        for name in ("meta.json", "masks.npy"):
            (self.root / name).unlink(missing_ok=True)
        size = max(self._capacity, 1)
        self._images = np.lib.format.open_memmap(
            self.root / "images.npy", "w+", self._dtype, (size, *self._shape)
        )
        self._masks = None
        if self._with_masks:
            self._masks = np.lib.format.open_memmap(
                self.root / "masks.npy", "w+", np.uint8, (size, 1, *self._shape[1:])
            )
        return self

    def add(
        self,
        image: NDArray[Any],
        *,
        image_id: str,
        label: str,
        patient_id: str,
        origin: str,
        mask: NDArray[Any] | None = None,
        parent_ids: Sequence[str] = (),
        seed: int | None = None,
        selected: bool = True,
        selection_score: float | None = None,
        spacing_mm: Sequence[float] | None = None,
        attributes: Mapping[str, object] | None = None,
    ) -> None:
        """Append one image, (C, *spatial) in the stored unit, rounded where that is an integer."""
        row = len(self._rows)
        if row >= self._capacity:
            raise ValueError(f"{self.root}: more than the {self._capacity} images announced")
        if label not in self.meta.classes:
            raise ValueError(f"{self.root}: label {label!r} is not in {self.meta.classes}")
        whole = np.issubdtype(self._dtype, np.integer) and image.dtype.kind == "f"
        stored = np.ascontiguousarray(np.rint(image) if whole else image, self._dtype)
        if stored.shape != self._shape:
            raise ValueError(f"{self.root}: image {stored.shape}, expected {self._shape}")
        if (mask is not None) != self._with_masks:
            raise ValueError(f"{self.root}: masks come with every image of a set or with none")
        self._images[row] = stored
        if self._masks is not None and mask is not None:
            self._masks[row] = np.asarray(mask, np.uint8).reshape(1, *self._shape[1:])
        self._rows.append(
            {
                "image_id": image_id,
                "label": label,
                "patient_id": patient_id,
                "origin": origin,
                "parent_ids": " ".join(parent_ids),
                "seed": "" if seed is None else seed,
                "selected": int(selected),
                "selection_score": "" if selection_score is None else selection_score,
                "spacing_mm": "x".join(f"{mm:g}" for mm in spacing_mm or ()),
                "sha256": hashlib.sha256(stored.tobytes()).hexdigest(),
                **(attributes or {}),
            }
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut the files to the images added and write the manifest, then `meta.json` last."""
        self._images.flush()
        del self._images
        if self._masks is not None:
            self._masks.flush()
            self._masks = None
        if kind is not None:
            return
        names = ["images.npy", *(["masks.npy"] if self._with_masks else [])]
        for name in names:
            _cut_array(self.root / name, len(self._rows))
        extra = [name for row in self._rows for name in row if name not in COLUMNS]
        columns = [*COLUMNS, *dict.fromkeys(extra)]
        manifest = pd.DataFrame(self._rows, columns=columns)
        manifest.to_csv(self.root / "manifest.csv", index=False, lineterminator="\n")
        text = json.dumps(asdict(self.meta), indent=2, ensure_ascii=False, sort_keys=True)
        (self.root / "meta.json").write_text(text + "\n", encoding="utf-8")


def narrowest_dtype(low: float, high: float) -> np.dtype[Any]:
    """Choose the narrowest integer type that holds whole numbers from low to high."""
    for dtype in (np.uint8, np.int16, np.uint16, np.int32):
        bounds = np.iinfo(dtype)
        if bounds.min <= low and high <= bounds.max:
            return np.dtype(dtype)
    return np.dtype(np.float32)


def parsed_spacing(text: str) -> tuple[float, ...]:
    """Read a cell of the column `spacing_mm`, e.g. `0.5x0.5x2`; nothing where it is empty."""
    return tuple(float(mm) for mm in text.split("x")) if text else ()


def with_note(meta: Meta, note: str) -> Meta:
    """Copy a Meta with another note."""
    return replace(meta, note=note)


def _read_meta(path: Path) -> Meta:
    if not path.exists():
        raise DataError(path, "is missing: the set is incomplete; run the stage that makes it")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        version = values.get("version")
    except (ValueError, AttributeError) as error:
        raise DataError(path, f"is not readable as JSON ({error})") from error
    if version != FORMAT_VERSION:
        raise DataError(path, f"has format version {version}, expected {FORMAT_VERSION}")
    try:
        for name in ("classes", "channels", "window"):
            values[name] = tuple(values[name])
        return Meta(**values)
    except (KeyError, TypeError) as error:
        raise DataError(path, f"lacks or misnames a field ({error})") from error


def _read_manifest(path: Path, meta: Meta) -> pd.DataFrame:
    if not path.exists():
        raise DataError(path, "is missing: the set is incomplete; run the stage that makes it")
    manifest = pd.read_csv(path, dtype=dict.fromkeys(_TEXT, str), keep_default_na=False)
    missing = [name for name in COLUMNS if name not in manifest]
    if missing:
        raise DataError(path, f"lacks the columns {', '.join(missing)}")
    manifest["selection_score"] = pd.to_numeric(manifest["selection_score"], errors="coerce")
    if manifest["image_id"].duplicated().any():
        twice = manifest.loc[manifest["image_id"].duplicated(), "image_id"].iloc[0]
        raise DataError(path, f"names image_id {twice} more than once")
    unknown = sorted(set(manifest["label"]) - set(meta.classes))
    if unknown:
        raise DataError(path, f"has the label {unknown[0]!r}, not one of {list(meta.classes)}")
    return manifest


def _map_array(path: Path) -> NDArray[Any]:
    if not path.exists():
        raise DataError(path, "is missing: the set is incomplete; run the stage that makes it")
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(path, f"is not a readable .npy file ({error})") from error
    return array


def _cut_array(path: Path, count: int) -> None:
    """Shorten a .npy file to its first `count` items in place; the header keeps its length."""
    with path.open("r+b") as file:
        version = np.lib.format.read_magic(file)
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        start = file.tell()
        if version != (1, 0) or fortran:
            raise DataError(path, f"has an unexpected .npy header (version {version})")
        header = repr({"descr": dtype.str, "fortran_order": False, "shape": (count, *shape[1:])})
        file.seek(10)
        file.write(header.encode("latin1").ljust(start - 11) + b"\n")
        file.truncate(start + count * int(np.prod(shape[1:])) * dtype.itemsize)
