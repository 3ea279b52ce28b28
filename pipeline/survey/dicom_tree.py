"""A tree of DICOM files: series, modalities, patients and geometry, from headers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.sources import dicom_files, dicom_pixels, dicom_series
from pipeline.sources.dicom_files import Frame
from pipeline.sources.source import UnusableError
from pipeline.survey import label_table
from pipeline.survey.classes import Classes
from pipeline.survey.contents import Contents
from pipeline.survey.description import (
    Description,
    Sample,
    Values,
    ranges,
    spread,
    suggested_size,
)
from pipeline.survey.label_table import LabelTable

_SERIES_TRIED = 24
_FRAMES_READ = 24
_HEADERS = 5_000
_STACK = 4
_MODALITY = re.compile(r"[A-Z]{2,4}")
_KEYS = {"PatientID": "patient", "SeriesInstanceUID": "series", "file": "file"}
Series = Mapping[str, list[Frame]]


def describe(contents: Contents) -> Description:
    """Read the headers of up to 5000 files, and some pixels."""
    series, damaged, others = _series(contents)
    frames = [frame for group in series.values() for frame in group]
    table = _table(contents, frames)
    classes = _folders(series) if table is None else table[0].classes
    values = _values(contents, frames)
    stacked = np.median([len(group) for group in series.values()] or [0]) >= _STACK
    options: dict[str, Any] = {"images": "middle" if stacked else "each"}
    options |= _labels(table, classes)
    patients = {frame.patient for frame in frames} - {""}
    missing = [] if table is None else table[0].withheld()
    missing += [] if patients else ["PatientID is empty everywhere: see ingest.options.patient"]
    if classes is None:
        missing.append("labels: a folder for each class, or a table with a row for each patient")
    return Description(
        form="DICOM",
        source="dicom",
        said=_said(contents, series, (damaged, others), len(patients), values),
        size=suggested_size(min(frame.shape) for frame in frames),
        window=_window(frames, values),
        options=options,
        classes=classes,
        sample=_sample(series, table, classes, options),
        missing=missing,
    )


def _series(contents: Contents) -> tuple[dict[str, list[Frame]], int, int]:
    """The frames of each series, and how many files are damaged, and how many are no scans."""
    series: dict[str, list[Frame]] = defaultdict(list)
    damaged = others = 0
    for file in contents.of("dicom")[:_HEADERS]:
        try:
            for frame in dicom_files.frames(contents.root, file):
                series[frame.series].append(frame)
        except dicom_files.NotAScanError:
            others += 1
        except UnusableError:
            damaged += 1
    return dict(series), damaged, others


def _said(
    contents: Contents, series: Series, unused: tuple[int, int], patients: int, values: Values
) -> list[tuple[str, str]]:
    frames = [frame for group in series.values() for frame in group]
    # A header may hold anything where a modality belongs.
    kinds = Counter(f.modality if _MODALITY.fullmatch(f.modality) else "other" for f in frames)
    unread = len(contents.of("dicom")) - _HEADERS
    counted = f"{len(frames)} in {len(series)} series"
    steps = []
    for group in spread(list(series.values()), _SERIES_TRIED):
        try:
            spacing = dicom_series.stack(group).spacing_mm if len(group) > 1 else None
        except UnusableError:
            continue  # the trial tells why
        steps += [spacing[2:]] if spacing else []
    unit = "HU" if set(kinds) == {"CT"} else "grey level"
    lengths = sorted(len(group) for group in series.values()) or [0]
    return [
        ("images", counted + (f"; {unread} more files were not opened" if unread > 0 else "")),
        ("unreadable", f"{unused[0]}" + ("; ingest refuses each" if unused[0] else "")),
        ("no scans", f"{unused[1]}" + ("; reports and the like are left out" if unused[1] else "")),
        ("patients", f"{patients}, by PatientID"),
        ("modality", ", ".join(f"{name} {count}" for name, count in kinds.most_common())),
        ("images a series", f"{lengths[0]} to {lengths[-1]}"),
        ("size", ranges((frame.shape for frame in frames), "px")),
        ("spacing", ranges((f.spacing for f in frames if f.spacing is not None), "mm")),
        ("between slices", ranges(steps, "mm")),
        ("values", values.shown(unit)),
    ]


def _table(contents: Contents, frames: list[Frame]) -> tuple[LabelTable, str] | None:
    """The label table and the option `label_key` that finds its rows."""
    files = {frame.file for frame in frames}
    table = label_table.find(contents.root, contents.of("table"), files)
    if table is None or table.classes is None:
        return None
    known = {
        "PatientID": {frame.patient for frame in frames},
        "SeriesInstanceUID": {frame.series for frame in frames},
        "file": files,
    }
    for key, role in _KEYS.items():
        column = table.columns.get(role)
        if column is not None and table.frame[column].isin(known[key]).any():
            return table, key
    return None


def _folders(series: Series) -> Classes | None:
    """Class folders: two or more, each with several patients, or none tells patients."""
    counts: Counter[str] = Counter()
    patients: dict[str, set[str]] = defaultdict(set)
    for group in series.values():
        parts = group[0].file.split("/")
        if len(parts) < 2:
            return None
        counts[parts[0]] += 1
        patients[parts[0]].add(group[0].patient)
    single = all(len(found) == 1 for found in patients.values())
    shared = len(set().union(*patients.values())) < sum(map(len, patients.values()))
    if len(counts) < 2 or (single and not shared):
        return None
    return Classes(counts, "folders")


def _labels(table: tuple[LabelTable, str] | None, classes: Classes | None) -> dict[str, Any]:
    if table is None:
        return {"labels": "folders"} if classes else {"labels": "table", "table": "labels.csv"}
    found, key = table
    return {
        "labels": "table",
        "table": found.shown,
        "label_key": key,
        "key": found.columns[_KEYS[key]],
        "label": found.columns["label"],
    }


def _values(contents: Contents, frames: list[Frame]) -> Values:
    values = Values()
    for frame in spread(frames, _FRAMES_READ):
        try:
            values.add(dicom_pixels.decode(contents.root, frame, "grey"))
        except UnusableError:
            continue  # the trial tells why
    return values


def _window(frames: list[Frame], values: Values) -> tuple[float, float]:
    """The headers' median window, else what the values fill."""
    windows = [frame.window for frame in frames if frame.window is not None]
    if not windows:
        return values.window()
    low, high = (float(end) for end in np.median(np.array(windows), axis=0))
    return low, high


def _sample(
    series: Series,
    table: tuple[LabelTable, str] | None,
    classes: Classes | None,
    options: dict[str, Any],
) -> Sample:
    """Whole series, evenly over the tree, so that every class is seen."""
    groups = sorted(series.values(), key=lambda group: group[0].file)
    files = sorted({frame.file for group in spread(groups, _SERIES_TRIED) for frame in group})
    if table is not None:
        found, _ = table
        rows = [{str(k): str(v) for k, v in row.items()} for row in found.frame.to_dict("records")]
        return Sample({file: file for file in files}, (found.shown, rows), options)
    inside = "" if classes else "unlabelled/"
    links = {f"{inside}{file}": file for file in files}
    return Sample(links, None, {**options, "labels": "folders"})
