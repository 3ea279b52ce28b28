"""Open an ImageSet: reading validates and memory-maps; nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import DataError
from pipeline.imageset.layout import COLUMNS, FORMAT_VERSION, Meta, parsed_spacing

_TEXT = ("image_id", "label", "patient_id", "origin", "parent_ids", "spacing_mm", "sha256")


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

    def relabelled(self, labels: Sequence[str], classes: tuple[str, ...]) -> ImageSet:
        """View the same images under other labels.

        Args:
            labels: One an image.
            classes: The classes that they are of, in order.
        """
        return ImageSet(
            self.root,
            replace(self.meta, classes=classes, positive_class=None),
            self.manifest.assign(label=list(labels)),
            self._images,
            self._masks,
            self._rows,
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
