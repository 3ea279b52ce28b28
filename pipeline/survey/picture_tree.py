"""PNG, JPEG, TIFF and BMP files in class folders or listed in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from pipeline.sources.pictures import read_image
from pipeline.sources.source import UnusableError
from pipeline.survey import label_table
from pipeline.survey.classes import Classes
from pipeline.survey.contents import Contents
from pipeline.survey.description import Description, Sample, Values, ranges, spread, suggested_size
from pipeline.survey.label_table import LabelTable

_READ = 64
_TRIED = 240
_MASKS = ("_mask", "_segmentation", "_seg")
# Folders that hold all images of a set, between its top and the class folders.
_WRAPPERS = frozenset({"images", "image", "img", "imgs", "data", "scans", "train", "all"})


def describe(contents: Contents) -> Description:
    """Read some pictures, and say where their labels are."""
    pictures = contents.of("picture")
    table = label_table.find(contents.root, contents.of("table"), pictures)
    if table is not None and not {"file", "label"} <= set(table.columns):
        table = None
    suffix, masks = (None, set()) if table else _masks(pictures)
    images = [file for file in pictures if file not in masks]
    below, classes = ("", table.classes) if table else _folders(images)
    if table is not None:
        listed = set(table.frame[table.columns["file"]])
        images = [file for file in pictures if file in listed]
    looked = _Looked(contents.root, images)
    options = _options(table, suffix, looked)
    return Description(
        form="pictures",
        source="image_folder",
        said=[
            ("images", f"{len(images)}"),
            ("masks", _count_masks(table, masks)),
            ("patients", _patients(table)),
            ("colour", looked.colour),
            ("size", ranges(looked.shapes, "px")),
            ("spacing", "pictures tell none"),
            ("values", looked.values.shown("grey level")),
        ],
        size=suggested_size(min(shape) for shape in looked.shapes),
        window=(0.0, 255.0) if looked.bits == 8 else looked.values.window(),
        options=options,
        classes=classes,
        sample=_sample(table, images, below, classes, options),
        missing=_missing(table, classes),
        below=below,
    )


class _Looked:
    """What some of the pictures are like."""

    def __init__(self, root: Path, images: list[str]) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.values = Values()
        coloured = 0
        bits: Counter[int] = Counter()
        for file in spread(images, _READ):
            found = _pixels(root / file)
            if found is None:
                continue  # the trial tells why
            pixels, depth = found
            bits[depth] += 1
            self.shapes.append(pixels.shape[1:])
            self.values.add(pixels)
            coloured += bool((pixels != pixels[:1]).any())
        self.bits = bits.most_common(1)[0][0] if bits else 8
        total = max(1, len(self.shapes))
        self.channels = "rgb" if coloured > total / 2 else "grey"
        self.colour = f"{coloured} of {len(self.shapes)} in colour; {self.bits} bits a channel"


def _pixels(path: Path) -> tuple[NDArray[Any], int] | None:
    depths: tuple[Literal[8, 16], ...] = (8, 16)
    for bits in depths:
        try:
            return read_image(path, channels="rgb", bits=bits), bits
        except UnusableError:
            continue
    return None


def _masks(pictures: list[str]) -> tuple[str | None, set[str]]:
    """The ending of masks' names, and the pictures that have it beside their image."""
    stems = {file.rpartition(".")[0] for file in pictures}
    best: tuple[str | None, set[str]] = (None, set())
    for suffix in _MASKS:
        found = {
            file
            for file in pictures
            if suffix in file and file.rpartition(".")[0].rpartition(suffix)[0] in stems
        }
        best = max(best, (suffix, found), key=lambda each: len(each[1]))
    return best


def _folders(images: Iterable[str]) -> tuple[str, Classes | None]:
    """The folder that holds the class folders, and the classes."""
    parts = [file.split("/")[:-1] for file in images]
    below: list[str] = []
    while parts:
        tops = Counter(part[0] for part in parts if part)
        if len(tops) >= 2 and min(tops.values()) >= 2 and all(parts):
            return "/".join(below), Classes(tops, "folders")
        wrapping = [top for top in tops if top.lower() in _WRAPPERS]
        if len(wrapping) != 1:
            break
        below.append(wrapping[0])
        parts = [part[1:] for part in parts if part[:1] == wrapping]
    return "", None


def _options(table: LabelTable | None, suffix: str | None, looked: _Looked) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if table is not None:
        names = {role: table.columns.get(role) for role in ("file", "mask", "label", "patient")}
        complete = names["mask"] is not None and table.frame[names["mask"]].ne("").all()
        options = {"table": table.shown, "file": names["file"], "label": names["label"]}
        options |= {"patient": names["patient"]} if names["patient"] else {}
        options |= {"mask": names["mask"], "masks": "require"} if complete else {}
    elif suffix is not None:
        options["mask_suffix"] = suffix
    options |= {"channels": "rgb"} if looked.channels == "rgb" else {}
    return options | ({"bits": 16, "channels": "grey"} if looked.bits == 16 else {})


def _count_masks(table: LabelTable | None, masks: set[str]) -> str:
    if table is not None and "mask" in table.columns:
        given = int(table.frame[table.columns["mask"]].ne("").sum())
        return f"{given} of {len(table.frame)} rows of the table name one"
    return f"{len(masks)}, by the ending of their names" if masks else "none found"


def _patients(table: LabelTable | None) -> str:
    if table is not None and table.patients is not None:
        return f"{table.patients}, by the table"
    return "not told: every image would count as a patient of its own, unless names tell them"


def _missing(table: LabelTable | None, classes: Classes | None) -> list[str]:
    missing = [] if table is None else table.withheld()
    if classes is None:
        missing.append("labels: a folder for each class, or a table of files and labels")
    if table is None or "patient" not in table.columns:
        missing.append(
            "patients: if one has several images, name them in a column of the table or by "
            "ingest.options.patient_pattern, or the result will be too good"
        )
    return missing


def _sample(
    table: LabelTable | None,
    images: list[str],
    below: str,
    classes: Classes | None,
    options: dict[str, Any],
) -> Sample:
    if table is not None:
        rows = spread(table.frame.to_dict("records"), _TRIED)
        plain = [{str(name): str(cell) for name, cell in row.items()} for row in rows]
        roles = [role for role in ("file", "mask") if role in options]
        wanted = {row[str(options[role])] for row in plain for role in roles}
        return Sample(
            {file: file for file in sorted(wanted) if file}, (table.shown, plain), options
        )
    start = f"{below}/" if below else ""
    inside = "" if classes else "unlabelled/"
    chosen = [file for file in images if file.startswith(start)]
    links = {inside + file.removeprefix(start): file for file in spread(chosen, _TRIED)}
    trial = {name: value for name, value in options.items() if name != "mask_suffix"}
    return Sample(links, None, trial)
