"""NIfTI images or volumes: class folders, a table, or a Decathlon `datalist.json`.

Axes are brought to what the card says (`orientation`), by the file's own affine; without a card to
`PLS`, as scans are laid out here. A card that says `image` leaves them as they lie. A single slice
is a 2D image. Several channels lie on the last axis, as the card names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.readers import turning
from pipeline.readers.cards import Card, read_card, read_json
from pipeline.readers.listing import Entry, entries, inside
from pipeline.readers.reader import About, Record, decoded
from pipeline.sources import nifti_files
from pipeline.sources.source import Broken, UnusableError

LAYOUT = "PLS"
LIST = "datalist.json"


class Nifti:
    """Reads a directory of NIfTI files."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise DataError(path, "is a file; name the directory of the NIfTI files")
        self._root = path
        self._card = read_card(path)
        self._entries = (_listed if (path / LIST).is_file() else _found)(path, self._card)
        self._dtype = self._find_dtype()

    def about(self) -> About:
        """Say what the card says; of foreign volumes neither unit nor window are known."""
        masks = all(entry.mask for entry in self._entries)
        return self._card.about(self._dtype, orientation=LAYOUT, masks=masks)

    def __len__(self) -> int:
        """Count the files, or the entries of the list."""
        return len(self._entries)

    def records(self) -> Iterator[Record | Broken]:
        """Decode in the order of the list, or of the sorted names."""
        return decoded(self._entries, self._record, lambda entry: entry.file)

    def _record(self, entry: Entry) -> Record:
        if entry.problem:
            raise UnusableError(entry.problem)
        inside(self._root, entry.file)
        image, spacing = self._read(entry.file, "image", len(self._card.channels or ("",)))
        mask = None
        if entry.mask:
            inside(self._root, entry.mask)
            mask = self._card.mask(self._read(entry.mask, "mask", 1)[0])
            if mask.shape[1:] != image.shape[1:]:
                raise UnusableError("the mask has another shape than the image")
        fold, selected = entry.trained_on, entry.selected
        return Record(entry.file, entry.label, image, mask, spacing, fold, selected)

    def _read(
        self, name: str, what: str, channels: int
    ) -> tuple[NDArray[Any], tuple[float, ...] | None]:
        volume = nifti_files.load(self._root, name, what)
        affine = nifti_files.affine_mm(volume, what)
        voxels = nifti_files.voxels(volume, what)
        if voxels.dtype.kind not in "iuf":
            raise UnusableError(f"the {what} holds colours or complex numbers")
        several = channels > 1 and voxels.shape[-1] == channels
        stack = np.moveaxis(voxels, -1, 0) if several else voxels[None]
        while stack.ndim > 4 and stack.shape[-1] == 1:
            stack = stack[..., 0]
        if stack.ndim not in (3, 4) or min(stack.shape) < 1:
            raise UnusableError(f"the {what} holds several volumes; give one volume a file")
        if stack.ndim == 3:
            stack = stack[..., None]
        turned, spacing = _laid_out(stack, affine, self._card.orientation or LAYOUT)
        known = volume.header.get_xyzt_units()[0] != "unknown" or self._card.unit is None
        return turned, spacing if known else None

    def _find_dtype(self) -> np.dtype[Any]:
        """The type that holds what every file does, by their headers."""
        found = set[np.dtype[Any]]()
        for entry in self._entries:
            try:
                volume = nifti_files.load(self._root, entry.file, "image")
            except UnusableError:
                continue
            dtype: np.dtype[Any] = volume.get_data_dtype().newbyteorder("=")
            if dtype.kind not in "iu" or (volume.dataobj.slope, volume.dataobj.inter) != (1, 0):
                return np.dtype(np.float32)
            found.add(dtype)
        both = np.result_type(*found) if found else np.dtype(np.float32)
        return both if both.kind in "iu" else np.dtype(np.float32)


def _laid_out(
    stack: NDArray[Any], affine: NDArray[np.float64], orientation: str
) -> tuple[NDArray[Any], tuple[float, ...] | None]:
    """Turn (C, x, y, z) into the layout, with its spacing; a single slice into 2D."""
    spacing = tuple(float(mm) for mm in nib.affines.voxel_sizes(affine))
    if turning.is_known(orientation):
        turn = turning.between(turning.of_affine(affine), turning.completed(orientation))
        if turn is not None:
            stack, spacing = turn.image(stack), turn.spacing(spacing)
    return (stack[..., 0], spacing[:2]) if stack.shape[-1] == 1 else (stack, spacing)


def _found(root: Path, card: Card) -> list[Entry]:
    """The files of a table, or of class folders."""
    found = entries(root, lambda name: name.name.lower().endswith((".nii", ".nii.gz")))
    return [replace(each, label=card.named(each.label)) for each in found]


def _listed(root: Path, card: Card) -> list[Entry]:
    """The entries of a Decathlon list: `label` is the class, or the mask where `class` is given."""
    path = root / LIST
    values = read_json(path)
    listed = values.get("training") if isinstance(values, Mapping) else None
    if not isinstance(listed, list):
        raise DataError(path, "has no list `training`, as a Decathlon datalist does")
    found = []
    for each in listed:
        if not isinstance(each, Mapping) or not isinstance(each.get("image"), str):
            raise DataError(path, "has an entry of `training` without an `image`")
        told, mask = each.get("label", ""), ""
        if isinstance(told, str) and PurePosixPath(told).suffix in (".nii", ".gz"):
            told, mask = each.get("class", ""), told
        # A number counts the classes; a text is a name.
        label = card.at(told) if isinstance(told, int) else card.named(str(told))
        found.append(
            Entry(
                file=each["image"].removeprefix("./"),
                label=label,
                mask=mask.removeprefix("./"),
                trained_on=str(each.get("trained_on", "")),
                problem="" if label else "missing label: its entry has no class",
                selected=bool(each.get("selected", True)),
            )
        )
    return found
