"""NIfTI images or volumes: class folders, a table, or a Decathlon `datalist.json`.

Axes are brought to what the card says (`orientation`), by the file's own affine; without a card to
`PLS`, as scans are laid out here. A card that says `image` leaves them as they lie. A single slice
is a 2D image. Several channels lie on the last axis, as the card names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.readers.listing import Card, Entry, entries, inside, read_card, read_json
from pipeline.readers.reader import About, Record
from pipeline.sources import nifti_files
from pipeline.sources.source import Broken, UnusableError

LAYOUT = "PLS"
_PAIRS = ("LR", "AP", "SI")


class Nifti:
    """Reads a directory of NIfTI files."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise DataError(path, "is a file; name the directory of the NIfTI files")
        self._root = path
        self._card = read_card(path)
        listed = path / "datalist.json"
        self._entries = _listed(listed, self._card) if listed.is_file() else _found(path)
        self._dtype = self._find_dtype()

    def about(self) -> About:
        """Say what the card says; of foreign volumes neither unit nor window are known."""
        card = self._card
        return About(
            card.unit,
            card.window,
            self._dtype,
            card.channels,
            card.classes,
            card.positive_class,
            card.orientation or LAYOUT,
            card.note,
            all(entry.mask for entry in self._entries),
        )

    def __len__(self) -> int:
        """Count the files, or the entries of the list."""
        return len(self._entries)

    def records(self) -> Iterator[Record | Broken]:
        """Decode in the order of the list, or of the sorted names."""
        for entry in self._entries:
            try:
                yield self._record(entry)
            except UnusableError as problem:
                yield Broken(entry.file, str(problem))

    def _record(self, entry: Entry) -> Record:
        if entry.problem:
            raise UnusableError(entry.problem)
        inside(self._root, entry.file)
        image, spacing = self._read(entry.file, "image", len(self._card.channels or ("",)))
        mask = None
        if entry.mask:
            inside(self._root, entry.mask)
            mask = (self._read(entry.mask, "mask", 1)[0] > 0).astype(np.uint8)
            if mask.shape[1:] != image.shape[1:]:
                raise UnusableError("the mask has another shape than the image")
        label = self._card.named(entry.label)
        return Record(entry.file, label, image, mask, spacing, entry.trained_on)

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
        """The type of the first file that can be opened, if it holds whole numbers."""
        for entry in self._entries:
            try:
                volume = nifti_files.load(self._root, entry.file, "image")
            except UnusableError:
                continue
            whole = volume.get_data_dtype().kind in "iu"
            if whole and (volume.dataobj.slope, volume.dataobj.inter) == (1, 0):
                dtype: np.dtype[Any] = volume.get_data_dtype().newbyteorder("=")
                return dtype
            return np.dtype(np.float32)
        return np.dtype(np.float32)


def _laid_out(
    stack: NDArray[Any], affine: NDArray[np.float64], orientation: str
) -> tuple[NDArray[Any], tuple[float, ...] | None]:
    """Turn (C, x, y, z) into the layout, with its spacing; a single slice into 2D."""
    spacing = nib.affines.voxel_sizes(affine)
    if codes := _codes(orientation):
        turn = ornt_transform(io_orientation(affine), axcodes2ornt(codes))
        stack = np.stack([apply_orientation(channel, turn) for channel in stack])
        order = [int(np.flatnonzero(turn[:, 0] == axis)[0]) for axis in range(3)]
        spacing = spacing[order]
    found = tuple(float(mm) for mm in spacing)
    return (stack[..., 0], found[:2]) if stack.shape[-1] == 1 else (stack, found)


def _codes(orientation: str) -> str:
    """Three axis codes, the last one of two completed; nothing where there are none."""
    for pair in _PAIRS:
        if len(orientation) == 2 and not set(orientation) & set(pair):
            orientation += pair[0]
    used = {pair for pair in _PAIRS for code in orientation if code in pair}
    return orientation if len(orientation) == 3 and len(used) == 3 else ""


def _found(root: Path) -> list[Entry]:
    return entries(root, lambda name: name.name.lower().endswith((".nii", ".nii.gz")))


def _listed(path: Path, card: Card) -> list[Entry]:
    """The entries of a Decathlon list: `label` is the class, or the mask where `class` is given."""
    values = read_json(path)
    listed = values.get("training") if isinstance(values, Mapping) else None
    if not isinstance(listed, list):
        raise DataError(path, "has no list `training`, as a Decathlon datalist does")
    found = []
    for each in listed:
        if not isinstance(each, Mapping) or not isinstance(each.get("image"), str):
            raise DataError(path, "has an entry of `training` without an `image`")
        label, mask = str(each.get("label", "")), ""
        if isinstance(each.get("label"), str) and PurePosixPath(label).suffix in (".nii", ".gz"):
            label, mask = str(each.get("class", "")), label
        problem = "" if label else "missing label: its entry has no class"
        name, fold = each["image"].removeprefix("./"), str(each.get("trained_on", ""))
        found.append(Entry(name, card.named(label), mask.removeprefix("./"), fold, problem))
    return found
