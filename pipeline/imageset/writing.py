"""Write an ImageSet: image by image, and a set only once it is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.imageset.layout import COLUMNS, Meta, spacing_text


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
                "spacing_mm": spacing_text(spacing_mm or ()),
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


def write_selection(root: Path, selected: Sequence[bool], scores: Sequence[float]) -> None:
    """Write which images of a complete set are selected, and their scores, into its manifest.

    Args:
        root: The set's directory.
        selected: One an image.
        scores: One an image, in [0, 1].
    """
    path = root / "manifest.csv"
    manifest = pd.read_csv(path, dtype=str, keep_default_na=False)
    manifest["selected"] = [str(int(each)) for each in selected]
    manifest["selection_score"] = [f"{score:g}" for score in scores]
    # A killed stage leaves the old manifest or the new one, and never half of it.
    half = path.with_suffix(".half")
    manifest.to_csv(half, index=False, lineterminator="\n")
    half.replace(path)


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
