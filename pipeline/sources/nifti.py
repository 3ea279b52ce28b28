"""NIfTI volumes listed in a table: computed tomography, or any scalar volumes.

Volumes are brought to the nearest axes of the patient (nibabel's `as_closest_canonical`, RAS) and
then laid out as radiologists look at them: rows run from anterior to posterior, columns from the
patient's right to the left, slices, the last axis, from inferior to superior. The orientation is
therefore `PL` in 2D, an axial slice, and `PLS` in 3D. An oblique volume stays oblique: axes are
swapped and flipped, never rotated.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pipeline.config import Positive, Section
from pipeline.errors import ParameterError
from pipeline.sources import crops, geometry, nifti_files, tables
from pipeline.sources.source import Broken, Scan, Settings, Target, UnusableError

LUNG_WINDOW = (-1000.0, 400.0)
_INT16 = (-32768.0, 32767.0)
_FLOAT32 = -float(np.finfo(np.float32).max), float(np.finfo(np.float32).max)


class Nifti:
    """A source of NIfTI volumes, one table row an image.

    Args:
        path: `ingest.path`, the directory that holds the table and what it names.
        options: How to read, see `Options`.
        target: What ingest asks for.

    Raises:
        PipelineError: If the table or the parameters are wrong.
    """

    class Options(Section):
        """Which columns to read and how to crop.

        Attributes:
            table: CSV file relative to `ingest.path`.
            image: Column of the volumes' paths, relative to `ingest.path`.
            mask: Column of the masks' paths; null where there are none.
            label: Column of the class names.
            patient: Column of the patients; null if unknown.
            attributes: Columns to copy to the manifest; words or numbers about the lesion.
            crop: `fixed` takes `field_of_view_mm` around the mask's centre; `lesion` takes a
                square `margin` times as long as the lesion, so that size cannot be seen, and in
                3D as many times its slices; `whole` takes all. Without a mask the centre is the
                volume's.
            field_of_view_mm: One length, along the axis of fewest pixels, or one per axis. Null
                for `spacing_mm` times the pixels asked for.
            margin: Of `lesion`.
            spacing_mm: Resample to this spacing before slicing and cropping (rows, columns,
                slices), which makes scanners alike; null keeps the scan's own.
            unit: `HU` is stored in whole numbers, any other as floating point and needs
                `ingest.window`.
        """

        table: str = "manifest.csv"
        image: str = "image"
        mask: str | None = None
        label: str = "label"
        patient: str | None = "patient_id"
        attributes: tuple[str, ...] = ()
        crop: Literal["fixed", "lesion", "whole"] = "fixed"
        field_of_view_mm: Positive | tuple[Positive, ...] | None = None
        margin: Annotated[float, Field(ge=1.0)] = 1.5
        spacing_mm: tuple[Positive, Positive, Positive] | None = None
        unit: str = "HU"

    def __init__(self, path: Path, options: Options, target: Target) -> None:
        self._root = path
        self._options = options
        self._target = target
        _check_options(options, target)
        columns = {
            "image": options.image,
            "mask": options.mask,
            "label": options.label,
            "patient": options.patient,
        }
        frame = tables.read_table(path, options.table, columns, attributes=options.attributes)
        self._numeric = tables.numeric_columns(frame, options.attributes)
        self._rows = tables.rows_of(frame)

    def settings(self) -> Settings:
        """Say what holds for all images."""
        hounsfield = self._options.unit == "HU"
        low, high = _INT16 if hounsfield else _FLOAT32
        return Settings(
            channels=("CT" if hounsfield else "intensity",),
            unit=self._options.unit,
            window=self._target.window or LUNG_WINDOW,
            low=low,
            high=high,
            orientation="PL" if len(self._target.size) == 2 else "PLS",
            integer=hounsfield,
            masks=self._options.mask is not None,
        )

    def __len__(self) -> int:
        """Count the table's rows."""
        return len(self._rows)

    def scans(self) -> Iterator[Scan | Broken]:
        """Decode row by row, in the table's order."""
        for number, row in enumerate(self._rows, 2):
            key = f"{row[self._options.image]} (line {number})"
            try:
                yield self._scan(key, row)
            except UnusableError as problem:
                yield Broken(key, str(problem))

    def _scan(self, key: str, row: tables.Row) -> Scan:
        options, size = self._options, self._target.size
        label, problem = tables.label_of([row], options.label)
        if label is None:
            raise UnusableError(problem)
        patient = None if options.patient is None else row[options.patient]
        if patient == "":
            raise UnusableError("missing patient: the cell is empty")
        image = nifti_files.read(self._root, row[options.image], "image")
        mask = (
            None
            if options.mask is None
            else nifti_files.read(self._root, row[options.mask], "mask")
        )
        grid = nifti_files.joined(image, mask)
        if len(size) == 3 and grid.image.shape[-1] < 2:
            raise UnusableError("a single slice, and ingest.size asks for volumes")
        view = self._view(grid)
        pixels = view.image
        if options.unit == "HU":
            pixels = np.rint(np.clip(pixels, *_INT16)).astype(np.int16)
        if pixels.min() == pixels.max():
            raise UnusableError("constant: every pixel of the crop has one value")
        return Scan(
            key=key,
            label=label,
            patient=patient,
            image=pixels,
            mask=view.mask,
            spacing_mm=view.spacing_mm,
            attributes=tables.attributes_of(row, options.attributes, self._numeric),
        )

    def _view(self, grid: crops.Grid) -> crops.Grid:
        """Resample, choose the slice, and crop."""
        options, size = self._options, self._target.size
        if options.spacing_mm is not None:
            grid = crops.respace(grid, options.spacing_mm)
        if len(size) == 2:
            depth = grid.image.shape[-1]
            largest = depth // 2 if grid.mask is None else geometry.largest_slice(grid.mask, 2)
            grid = grid.slice(largest)
        if options.crop == "whole":
            return crops.whole(grid, size)
        length: float | tuple[float, ...] | None = options.field_of_view_mm
        if options.crop == "lesion" and grid.mask is not None:
            lesion = geometry.mask_extent_mm(grid.mask, grid.spacing_mm)
            plane = crops.box_lengths(options.margin * max(lesion[:2]), size[:2])
            length = (*plane, *(options.margin * along for along in lesion[2:]))
        if length is None and options.spacing_mm is not None:
            pairs = zip(size, options.spacing_mm, strict=False)
            length = tuple(count * mm for count, mm in pairs)
        assert length is not None, "_check_options lets no other case through"
        centre = (
            geometry.image_centre(grid.image)
            if grid.mask is None
            else geometry.mask_centre(grid.mask)
        )
        lengths = crops.box_lengths(length, size)
        centre, lengths = crops.inside(grid, centre, lengths, shorten=options.crop == "lesion")
        return crops.cut(grid, centre, lengths, size)


def _check_options(options: Nifti.Options, target: Target) -> None:
    if options.unit != "HU" and target.window is None:
        raise ParameterError(
            "ingest.window",
            f"got null, but scans in {options.unit!r} have no usual window; "
            "give the values that become black and white",
        )
    if options.crop == "lesion" and options.mask is None:
        raise ParameterError(
            f"{tables.OPTIONS}.mask", "got null, but `crop: lesion` needs masks; name their column"
        )
    field = options.field_of_view_mm
    if options.crop == "fixed" and field is None and options.spacing_mm is None:
        raise ParameterError(
            f"{tables.OPTIONS}.field_of_view_mm",
            "got null, but `crop: fixed` needs it; give millimetres, or spacing_mm, "
            "or choose `crop: lesion` or `crop: whole`",
        )
    if isinstance(field, tuple) and len(field) != len(target.size):
        raise ParameterError(
            f"{tables.OPTIONS}.field_of_view_mm",
            f"got {len(field)} lengths; give one, or {len(target.size)} as ingest.size has",
        )
