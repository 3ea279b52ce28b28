"""A folder tree of DICOM files with labels from a table or from the folders' names.

Rows and columns stay as acquired; slices are ordered along their normal. The orientation is `PL`
or `PLS` where every image is an ordinary axial one (rows to posterior, columns to the left, slices
to the head), else `image`. Structure sets (RTSTRUCT) and segmentation objects (SEG) are not read:
lesions are given as points.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Positive, Section
from pipeline.errors import ParameterError
from pipeline.imageset import narrowest_dtype
from pipeline.sources import (
    crops,
    dicom_files,
    dicom_pixels,
    dicom_series,
    dicom_units,
    geometry,
    tables,
)
from pipeline.sources.dicom_files import Frame
from pipeline.sources.dicom_units import Unit
from pipeline.sources.source import Broken, Scan, Settings, Target, UnusableError

_AXIAL = np.array([1, 0, 0, 0, 1, 0])
_SAMPLED = 16
_HU = (-32768.0, 32767.0)


class Dicom:
    """A source of DICOM images, single or in series.

    Args:
        path: `ingest.path`, the top of the tree.
        options: How to read, see `Options`.
        target: What ingest asks for.

    Raises:
        PipelineError: If the tree holds no files, or the table or the parameters are wrong.
    """

    class Options(Section):
        """Where labels come from, what becomes an image, and how to crop.

        Attributes:
            images: `each` makes an image of each frame (2D), `middle` of the middle slice of each
                series (2D). In 3D each series is an image.
            labels: `table`, or `folders`: the folder under `ingest.path` is the class.
            table: CSV file relative to `ingest.path`.
            label_key: What the table's rows are found by: the tag `PatientID` or
                `SeriesInstanceUID`, or `file`, a path relative to `ingest.path` of a file or a
                folder.
            key: Column of that key.
            label: Column of the class names.
            attributes: Columns to copy to the manifest; words or numbers about the lesion.
            point: Columns x, y, z of a point in DICOM patient coordinates, in mm. Each row becomes
                an image: the slice through the point (2D) or the volume around it (3D).
            patient: Tag that tells patients apart; of an anonymised tree perhaps the study's.
            crop: `whole`, or `fixed`: `field_of_view_mm` around the point, or the middle.
            field_of_view_mm: One length, along the axis of fewest pixels, or one per axis.
            colour: `grey` makes one channel of colour images; `rgb` three of all.
        """

        images: Literal["each", "middle"] = "each"
        labels: Literal["table", "folders"] = "table"
        table: str = "labels.csv"
        label_key: dicom_units.LabelKey = "PatientID"
        key: str = "key"
        label: str = "label"
        attributes: tuple[str, ...] = ()
        point: tuple[str, str, str] | None = None
        patient: Literal["PatientID", "StudyInstanceUID", "SeriesInstanceUID"] = "PatientID"
        crop: Literal["whole", "fixed"] = "whole"
        field_of_view_mm: Positive | tuple[Positive, ...] | None = None
        colour: dicom_pixels.Colour = "grey"

    def __init__(self, path: Path, options: Options, target: Target) -> None:
        self._root = path
        self._options = options
        self._target = target
        _check_options(options, target)
        self._rows: dicom_units.Rows = {}
        self._numeric: set[str] = set()
        if options.labels == "table":
            self._read_table()
        self._frames, self._broken = _index(path)
        self._units = sorted(self._find_units(), key=lambda unit: unit.key)
        if not len(self):
            problem = "holds no DICOM files; name the folder of the scans"
            raise ParameterError("ingest.path", problem)
        self._settings = self._find_settings()

    def settings(self) -> Settings:
        """Say what holds for all images."""
        return self._settings

    def __len__(self) -> int:
        """Count the images that will be tried, and the files that are broken."""
        return len(self._units) + len(self._broken)

    def scans(self) -> Iterator[Scan | Broken]:
        """Decode in the order of the files' names; files that are broken come first."""
        yield from self._broken
        for unit in self._units:
            try:
                yield self._scan(unit)
            except UnusableError as problem:
                yield Broken(unit.key, str(problem))

    def _read_table(self) -> None:
        options = self._options
        columns: dict[str, str | None] = {"key": options.key, "label": options.label}
        if options.point:
            columns |= {f"point.{axis}": name for axis, name in enumerate(options.point)}
        frame = tables.read_table(self._root, options.table, columns, attributes=options.attributes)
        self._rows = tables.rows_by(frame, options.key)
        self._numeric = tables.numeric_columns(frame, options.attributes)

    def _find_units(self) -> list[Unit]:
        arguments = (self._frames, self._rows, self._options.label_key)
        if self._options.point is not None:
            return dicom_units.by_point(*arguments)
        return (dicom_units.by_frame if self._single else dicom_units.by_series)(*arguments)

    @property
    def _single(self) -> bool:
        """Whether each frame is an image of its own, whatever series it is from."""
        flat = len(self._target.size) == 2
        return flat and self._options.images == "each" and self._options.point is None

    def _scan(self, unit: Unit) -> Scan:
        if unit.problem:
            raise UnusableError(unit.problem)
        label, attributes = self._label(unit)
        patients = {getattr(frame, _PATIENT[self._options.patient]) for frame in unit.frames}
        if len(patients) > 1:
            raise UnusableError("several patients in one series")
        (patient,) = patients
        if not patient:
            raise UnusableError("no patient: PatientID is empty (see ingest.options.patient)")
        view = self._view(unit)
        settings = self._settings
        pixels: NDArray[Any] = np.clip(view.image, settings.low, settings.high)
        if settings.integer:
            pixels = np.rint(pixels).astype(narrowest_dtype(settings.low, settings.high))
        if pixels.min() == pixels.max():
            raise UnusableError("constant: every pixel of the image has one value")
        return Scan(
            key=unit.key,
            label=label,
            patient=patient,
            image=pixels,
            spacing_mm=view.spacing_mm or None,
            attributes=attributes,
            identifiers=unit.frames[0].identifiers,
        )

    def _label(self, unit: Unit) -> tuple[str, dict[str, object]]:
        options = self._options
        if options.labels == "folders":
            parts = PurePosixPath(unit.frames[0].file).parts
            if len(parts) < 2:
                raise UnusableError("missing label: the file is in no class folder")
            if len({PurePosixPath(frame.file).parts[0] for frame in unit.frames}) > 1:
                raise UnusableError("contradicting labels: one series in several class folders")
            return parts[0], {}
        label, problem = tables.label_of(unit.rows, options.label)
        if label is None:
            raise UnusableError(problem)
        return label, tables.attributes_of(unit.rows[0], options.attributes, self._numeric)

    def _view(self, unit: Unit) -> crops.Grid:
        """Decode what is needed of a unit, and crop."""
        if self._single:
            (frame,) = unit.frames
            return self._cut([frame], frame.spacing, None)
        series = dicom_series.stack(unit.frames)
        place = self._place(unit, series)
        if len(self._target.size) == 2:
            chosen = len(series.frames) // 2 if place is None else round(place[2])
            chosen = min(chosen, len(series.frames) - 1)
            frame = series.frames[chosen]
            return self._cut([frame], frame.spacing, None if place is None else place[:2])
        if len(series.frames) < 2:
            raise UnusableError("a single slice, and ingest.size asks for volumes")
        return self._cut(series.frames, series.spacing_mm, place)

    def _place(self, unit: Unit, series: dicom_series.Stack) -> tuple[float, float, float] | None:
        if self._options.point is None:
            return None
        try:
            point = [float(unit.rows[0][name]) for name in self._options.point]
        except ValueError:
            raise UnusableError("the point's coordinates are no numbers") from None
        return series.voxel_of(point)

    def _cut(
        self,
        frames: Iterable[Frame],
        spacing: tuple[float, ...] | None,
        centre: tuple[float, ...] | None,
    ) -> crops.Grid:
        options, size = self._options, self._target.size
        planes = [dicom_pixels.decode(self._root, frame, options.colour) for frame in frames]
        image = planes[0] if len(size) == 2 else np.stack(planes, axis=-1)
        if options.crop == "whole" or options.field_of_view_mm is None:
            # Without millimetres the image can still be resized, and its spacing stays unknown.
            grid = crops.Grid(image, spacing or (1.0,) * len(size))
            view = crops.whole(grid, size)
            return view if spacing else crops.Grid(view.image, ())
        if spacing is None:
            raise UnusableError("no pixel spacing, so that millimetres cannot be cropped")
        grid = crops.Grid(image, spacing)
        lengths = crops.box_lengths(options.field_of_view_mm, size)
        middle, lengths = crops.inside(
            grid, centre or geometry.image_centre(image), lengths, shorten=False
        )
        return crops.cut(grid, middle, lengths, size)

    def _find_settings(self) -> Settings:
        frames, colour = self._frames, self._options.colour
        low = min((f.limits[0] for f in frames), default=0.0)
        high = max((f.limits[1] for f in frames), default=255.0)
        modalities = {frame.modality for frame in frames if frame.modality}
        one = modalities.pop() if len(modalities) == 1 else "grey"
        axial = all(
            f.orientation is not None and np.abs(np.array(f.orientation) - _AXIAL).max() < 0.5
            for f in frames
        )
        if one == "CT":  # 16 bits and an intercept allow for values that mean nothing in HU
            low, high = max(low, _HU[0]), min(high, _HU[1])
        flat = len(self._target.size) == 2
        return Settings(
            channels=("red", "green", "blue") if colour == "rgb" else (one,),
            unit="HU" if one == "CT" else "grey level",
            window=self._target.window or self._usual_window(),
            low=low,
            high=high,
            orientation=("PL" if flat else "PLS") if axial and frames else "image",
            integer=all(frame.whole for frame in frames),
        )

    def _usual_window(self) -> tuple[float, float]:
        """The headers' median window, or the range of some images where they have none."""
        windows = [frame.window for frame in self._frames if frame.window]
        if windows:
            low, high = np.median(np.array(windows), axis=0)
            return float(low), float(high)
        ends = []
        for frame in self._frames[:: max(1, len(self._frames) // _SAMPLED)]:
            try:
                values = dicom_pixels.decode(self._root, frame, self._options.colour)
            except UnusableError:
                continue  # it is reported when its turn comes
            ends.append(np.percentile(values, [0.5, 99.5]))
        low, high = np.median(ends, axis=0) if ends else (0.0, 255.0)
        return float(low), float(max(high, low + 1))


_PATIENT = {"PatientID": "patient", "StudyInstanceUID": "study", "SeriesInstanceUID": "series"}


def _index(root: Path) -> tuple[list[Frame], list[Broken]]:
    frames: list[Frame] = []
    broken = []
    for file in dicom_files.find(root):
        try:
            frames += dicom_files.frames(root, file)
        except UnusableError as problem:
            scan = not isinstance(problem, dicom_files.NotAScanError)
            broken.append(Broken(file, str(problem), scan))
    return frames, broken


def _check_options(options: Dicom.Options, target: Target) -> None:
    field = options.field_of_view_mm
    place = f"{tables.OPTIONS}.field_of_view_mm"
    if options.crop == "fixed" and field is None:
        raise ParameterError(
            place, "got null, but `crop: fixed` needs it; give millimetres, or choose `crop: whole`"
        )
    if isinstance(field, tuple) and len(field) != len(target.size):
        problem = f"got {len(field)} lengths; give one, or {len(target.size)} as ingest.size has"
        raise ParameterError(place, problem)
    if options.labels == "folders" and (options.point or options.attributes):
        raise ParameterError(
            f"{tables.OPTIONS}.labels",
            "got 'folders', but points and attributes come from a table; choose `table`",
        )
