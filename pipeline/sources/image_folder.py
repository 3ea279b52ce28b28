"""PNG, JPEG, TIFF and BMP files, labelled by a table or by the folders they lie in; 2D.

Without a table the first folder below `ingest.path` names the class, and hidden files are passed
over. With one, `pipeline.sources.tables` reads it. `pipeline.sources.pictures` decodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.config import Section
from pipeline.errors import DataError, ParameterError
from pipeline.sources import crops, geometry, tables
from pipeline.sources.folder_items import Item, from_folders
from pipeline.sources.pictures import Channels, read_image, read_mask
from pipeline.sources.source import Broken, Scan, Settings, Target, UnusableError


class ImageFolder:
    """A source of image files.

    Args:
        path: `ingest.path`, the directory of the class folders or of the table.
        options: How to read, see `Options`.
        target: What ingest asks for.

    Raises:
        PipelineError: If the directory, the table or the parameters are wrong.
    """

    class Options(Section):
        """Where labels, masks and patients come from, and how an image becomes one of `size`.

        Attributes:
            table: CSV file relative to `ingest.path`; null for class folders.
            file: Column of the image files, relative to `ingest.path`.
            mask: Column of the mask files; null where there are none.
            label: Column of the class names.
            patient: Column of the patients; null if unknown.
            attributes: Columns to copy to the manifest.
            patient_pattern: Without a table, a regular expression over the path from the class
                folder on, whose group is the patient, e.g. `^([^_]+)_` for `007_left.png`.
            mask_suffix: Without a table, how the name of a mask ends: with `_mask`, `a_mask.png`
                (and `a_mask_1.png`) is the mask of `a.png`, and no image.
            channels: `grey` or `rgb`.
            bits: 8 or 16 a channel; the latter in grey only, and with `ingest.window`.
            crop: `whole`, or `mask` for a box `margin` times as long as the mask around it.
            margin: Of `crop: mask`.
            fit: Of `crop: whole`; `pad` keeps the aspect and fills with black, `stretch` does not.
            masks: `require` stores masks, and an image without one is broken; so does `crop: mask`.
            empty_masks: Of `masks: require` with `crop: whole`; `true` takes an empty mask as
                right, as it is for a normal image, `false` as a sign that the outline is lost.
        """

        table: str | None = None
        file: str = "file"
        mask: str | None = None
        label: str = "label"
        patient: str | None = None
        attributes: tuple[str, ...] = ()
        patient_pattern: str | None = None
        mask_suffix: str | None = None
        channels: Channels = "grey"
        bits: Literal[8, 16] = 8
        crop: Literal["whole", "mask"] = "whole"
        margin: Annotated[float, Field(ge=1.0)] = 1.5
        fit: Literal["pad", "stretch"] = "pad"
        masks: Literal["none", "require"] = "none"
        empty_masks: bool = False

    def __init__(self, path: Path, options: Options, target: Target) -> None:
        self._root = path
        self._options = options
        self._target = target
        self._needs_masks = options.masks == "require" or options.crop == "mask"
        _check_options(options, target, needs_masks=self._needs_masks)
        if not path.is_dir():
            raise ParameterError("ingest.path", "is no directory; name the one with the images")
        self._items = (
            from_folders(
                path, mask_suffix=options.mask_suffix, patient_pattern=options.patient_pattern
            )
            if options.table is None
            else self._from_table()
        )
        if not self._items:
            raise DataError("ingest.path", "holds no images; put a folder of images for each class")

    def settings(self) -> Settings:
        """Say what holds for all images."""
        high = float(2**self._options.bits - 1)
        return Settings(
            channels=("grey",) if self._options.channels == "grey" else ("red", "green", "blue"),
            unit="grey level",
            window=self._target.window or (0.0, high),
            low=0.0,
            high=high,
            masks=self._needs_masks,
            empty_masks=self._options.empty_masks,
            folders=self._folders,
        )

    @property
    def _folders(self) -> tuple[str, ...]:
        if self._options.table is not None:
            return ()
        return tuple(sorted({item.label for item in self._items if item.label is not None}))

    def __len__(self) -> int:
        """Count the table's rows, or the files that are no masks."""
        return len(self._items)

    def scans(self) -> Iterator[Scan | Broken]:
        """Decode in the order of the table, or of the sorted names."""
        for item in self._items:
            try:
                yield self._scan(item)
            except UnusableError as problem:
                yield Broken(item.key, str(problem))

    def _scan(self, item: Item) -> Scan:
        if item.problem or item.label is None:
            raise UnusableError(item.problem)
        options = self._options
        if self._needs_masks and not item.masks:
            raise UnusableError("missing mask: none is given")
        pixels = read_image(self._inside(item.file), channels=options.channels, bits=options.bits)
        mask = self._mask(item, pixels.shape[1:]) if self._needs_masks else None
        image, mask = self._view(pixels, mask)
        # The padding would hide that the pixels are all alike.
        if pixels.min() == pixels.max() or image.min() == image.max():
            raise UnusableError("constant: every pixel has one value")
        return Scan(item.key, item.label, item.patient, image, mask, attributes=item.attributes)

    def _mask(self, item: Item, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Read the union of an image's masks."""
        union = np.zeros((1, *shape), np.uint8)
        for name in item.masks:
            mask = read_mask(self._inside(name))
            if mask.shape != union.shape:
                raise UnusableError("the mask has another shape than the image")
            union |= mask
        return union

    def _view(
        self, pixels: NDArray[Any], mask: NDArray[np.uint8] | None
    ) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
        """Crop and resize an image and its mask alike, whole grey levels kept whole."""
        options, size = self._options, self._target.size
        centre = geometry.image_centre(pixels)
        extent: tuple[float, ...] = pixels.shape[1:]
        if options.crop == "mask" and mask is not None:
            centre, extent = _box_around(pixels, mask, size, options.margin)
        elif options.fit == "pad":
            factor = max(have / want for have, want in zip(extent, size, strict=True))
            extent = tuple(factor * want for want in size)
        view = geometry.field_of_view(pixels, centre, extent, size, border="mirror")
        if options.crop == "whole":
            # Blackened after, not while, resampling, which would darken the image's own border.
            within = np.ones((1, *pixels.shape[1:]), np.uint8)
            view = view * geometry.field_of_view(within, centre, extent, size, order=0, fill=0.0)
        image = np.rint(view).clip(0, 2**options.bits - 1).astype(pixels.dtype)
        shown = None if mask is None else geometry.mask_view(mask, centre, extent, size)
        return image, shown

    def _inside(self, name: str) -> Path:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not parts:
            raise UnusableError("missing image: the cell is empty")
        if parts[0] == "/" or ".." in parts or re.match(r"^[A-Za-z]:", name):
            raise UnusableError("the file lies outside ingest.path")
        return self._root.joinpath(*parts)

    def _from_table(self) -> list[Item]:
        options = self._options
        names = ("file", "mask", "label", "patient")
        columns: dict[str, str | None] = {name: getattr(options, name) for name in names}
        frame = tables.read_table(
            self._root, str(options.table), columns, attributes=options.attributes
        )
        numeric = tables.numeric_columns(frame, options.attributes)
        items = []
        for number, record in enumerate(frame.to_dict("records"), 2):
            row = {str(name): str(cell) for name, cell in record.items()}
            label, problem = tables.label_of([row], options.label)
            patient = None if options.patient is None else row[options.patient]
            mask = "" if options.mask is None else row[options.mask]
            items.append(
                Item(
                    key=f"{row[options.file]} (line {number})",
                    file=row[options.file],
                    label=label,
                    patient=patient,
                    masks=(mask,) if mask else (),
                    problem="missing patient: the cell is empty" if patient == "" else problem,
                    attributes=tables.attributes_of(row, options.attributes, numeric),
                )
            )
        return items


def _check_options(options: ImageFolder.Options, target: Target, *, needs_masks: bool) -> None:
    if len(target.size) != 2:
        raise ParameterError(
            "ingest.size", f"got {list(target.size)}, but image files are 2D; give two numbers"
        )
    if options.bits == 16 and target.window is None:
        raise ParameterError(
            "ingest.window",
            "got null, but 16-bit images have no usual range; give the values that become black "
            "and white, e.g. [0, 4095]",
        )
    where = "mask_suffix" if options.table is None else "mask"
    if needs_masks and getattr(options, where) is None:
        raise ParameterError(
            f"{tables.OPTIONS}.{where}", "got null, but masks are asked for; say where they are"
        )
    if options.empty_masks and (options.masks == "none" or options.crop == "mask"):
        raise ParameterError(
            f"{tables.OPTIONS}.empty_masks",
            "got true, which needs `masks: require` and `crop: whole`; there is no box around "
            "an empty mask",
        )
    if options.patient_pattern is not None:
        place = f"{tables.OPTIONS}.patient_pattern"
        try:
            groups = re.compile(options.patient_pattern).groups
        except re.error as error:
            problem = f"got {options.patient_pattern!r}, no regular expression: {error}"
            raise ParameterError(place, problem) from None
        if groups != 1 or options.table is not None:
            raise ParameterError(
                place, "needs class folders and one group in brackets; a table has `patient`"
            )


def _box_around(
    pixels: NDArray[Any], mask: NDArray[np.uint8], size: tuple[int, ...], margin: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The middle and the lengths, in pixels, of a box around a mask, moved into the image."""
    if not mask.any():
        raise UnusableError("the mask is empty")
    one_pixel = (1.0, 1.0)
    lengths = crops.box_lengths(margin * max(geometry.mask_extent_mm(mask, one_pixel)), size)
    grid = crops.Grid(pixels, one_pixel, mask)
    return crops.inside(grid, geometry.mask_centre(mask), lengths, shorten=True)
