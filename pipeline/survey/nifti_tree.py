"""NIfTI volumes, listed in a table or lying in folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from pipeline.survey import label_table
from pipeline.survey.contents import Contents
from pipeline.survey.description import Description, Sample, Values, ranges, spread, suggested_size
from pipeline.survey.label_table import LabelTable

_HEADERS = 400
_READ = 16
_TRIED = 80
_AIR_HU = -200.0
_HU = (-1000.0, 400.0)
_MASKS = ("mask", "seg", "label")
_TABLE = "manifest.csv"


def describe(contents: Contents) -> Description:
    """Read some headers and volumes."""
    files = contents.of("nifti")
    table = label_table.find(contents.root, contents.of("table"), files)
    images, masks = _images(files, table)
    looked = _look(contents.root, images)
    low, high = looked.values.at(0.5, 99.5)
    unit = "HU" if looked.whole and low < _AIR_HU else "arbitrary"
    complete = table is not None and {"file", "label"} <= set(table.columns)
    options = _options(table, unit)
    sides = [min(shape[:2]) for shape in looked.shapes]
    window = _HU if unit == "HU" and high > 0 else looked.values.window()
    return Description(
        form="NIfTI volumes",
        source="nifti",
        said=[
            ("volumes", f"{len(images)}; {looked.damaged} of {looked.tried} opened are damaged"),
            ("masks", f"{masks}"),
            ("patients", _patients(table)),
            ("size", ranges(looked.shapes, "voxels")),
            ("spacing", ranges(looked.spacings, "mm")),
            ("values", looked.values.shown(unit)),
        ],
        size=suggested_size(sides),
        window=window,
        options=options,
        classes=None if table is None else table.classes,
        sample=_sample(table if complete else None, images, options),
        missing=_missing(table),
    )


@dataclass
class _Looked:
    """What some of the volumes are like."""

    tried: int = 0
    damaged: int = 0
    whole: bool = True
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    spacings: list[tuple[float, ...]] = field(default_factory=list)
    values: Values = field(default_factory=Values)


def _look(root: Path, images: list[str]) -> _Looked:
    """Read the headers of some volumes, and the voxels of fewer."""
    looked = _Looked()
    chosen = spread(images, _HEADERS)
    read = set(spread(chosen, _READ))
    for file in chosen:
        looked.tried += 1
        try:
            volume: Any = nib.load(root / file)
            shape = tuple(int(length) for length in volume.shape[:3])
            spacing = tuple(float(mm) for mm in volume.header.get_zooms()[:3])
            voxels = np.asanyarray(volume.dataobj) if file in read else None
        except Exception:  # damaged bytes fail anywhere in nibabel; the trial tells why
            looked.damaged += 1
            continue
        looked.shapes.append(shape)
        looked.spacings.append(spacing)
        if voxels is not None and voxels.dtype.kind in "uif":
            looked.values.add(voxels)
            looked.whole &= bool((voxels == np.rint(voxels)).all())
    return looked


def _images(files: list[str], table: LabelTable | None) -> tuple[list[str], str]:
    """The volumes that are no masks, and how many masks there are, in words."""
    if table is not None and "file" in table.columns:
        known = set(files)
        images = [each for each in table.frame[table.columns["file"]] if each in known]
        if "mask" not in table.columns:
            return images, "the table names none"
        given = int(table.frame[table.columns["mask"]].isin(known).sum())
        return images, f"{given} of {len(table.frame)} rows of the table name one that is there"
    masks = {file for file in files if _is_mask(file)}
    return [file for file in files if file not in masks], f"{len(masks)}, by their names"


def _is_mask(file: str) -> bool:
    folder, _, name = file.lower().rpartition("/")
    stem = name.partition(".")[0]
    return any(stem.endswith(f"_{word}") or folder.rpartition("/")[2].rstrip("s") == word
               for word in _MASKS)  # fmt: skip


def _options(table: LabelTable | None, unit: str) -> dict[str, Any]:
    columns = {} if table is None else table.columns
    options: dict[str, Any] = {
        "table": table.shown if table else _TABLE,
        "image": columns.get("file", "image"),
        "label": columns.get("label", "label"),
        "patient": columns.get("patient"),
    }
    if "mask" in columns:
        options |= {"mask": columns["mask"], "crop": "lesion", "margin": 1.5}
    else:
        options["crop"] = "whole"
    return options | ({} if unit == "HU" else {"unit": unit})


def _patients(table: LabelTable | None) -> str:
    if table is None or table.patients is None:
        return "not told: every image would count as a patient of its own"
    return f"{table.patients}, by the table"


def _missing(table: LabelTable | None) -> list[str]:
    if table is None:
        return [f"a table {_TABLE} at the top, with the columns image, label and patient"]
    wanted = {"file": "the volumes", "label": "the class names", "patient": "the patients"}
    lacks = [what for role, what in wanted.items() if role not in table.columns]
    said = [f"columns of the table that name {' and '.join(lacks)}"] if lacks else []
    return table.withheld() + said


def _sample(table: LabelTable | None, images: list[str], options: dict[str, Any]) -> Sample:
    if table is None:
        chosen = spread(images, _TRIED)
        rows = [{"image": file, "label": "unlabelled"} for file in chosen]
        crop = {"crop": "whole", "patient": None}
        kept = {name: value for name, value in options.items() if name == "unit"}
        trial = {"table": _TABLE, "image": "image", "label": "label", **crop, **kept}
        return Sample({file: file for file in chosen}, (_TABLE, rows), trial)
    columns = [str(options[role]) for role in ("image", "mask") if options.get(role)]
    chosen_rows = list(_plain(spread(table.frame.to_dict("records"), _TRIED)))
    links = {row[name]: row[name] for row in chosen_rows for name in columns if row[name]}
    return Sample(links, (table.shown, chosen_rows), options)


def _plain(rows: list[dict[Any, Any]]) -> Iterator[dict[str, str]]:
    for row in rows:
        yield {str(name): str(cell) for name, cell in row.items()}
