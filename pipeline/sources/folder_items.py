"""What lies in class folders: images with their label, patient and masks, by name alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pipeline.sources.pictures import SUFFIXES

CLUTTER = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Item:
    """One image to read, and what is known of it; `problem` if it need not be tried."""

    key: str
    file: str
    label: str | None
    patient: str | None
    masks: tuple[str, ...] = ()
    problem: str = ""
    attributes: dict[str, object] = field(default_factory=dict)


def from_folders(root: Path, *, mask_suffix: str | None, patient_pattern: str | None) -> list[Item]:
    """List the files below a directory of class folders, masks apart from images.

    Args:
        root: Holds a folder for each class.
        mask_suffix: How the name of a mask ends; None where there are none.
        patient_pattern: Regular expression over the path from the class folder on, whose group is
            the patient; None where names say nothing of them.
    """
    names = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not _is_clutter(path.relative_to(root))
    )
    masks = _masks_by_image(names, mask_suffix)
    taken = {mask for found in masks.values() for mask in found}
    return [
        _item(name, patient_pattern, masks.get(_stem(name), ()))
        for name in names
        # Beside the class folders lie tables and notes, which are no broken images.
        if name not in taken and ("/" in name or Path(name).suffix.lower() in SUFFIXES)
    ]


def _item(name: str, patient_pattern: str | None, masks: tuple[str, ...]) -> Item:
    label, _, rest = name.partition("/")
    problem, patient = "", None
    if not rest:
        problem = "missing label: it lies in no class folder"
    elif Path(name).suffix.lower() not in SUFFIXES:
        problem = "its name does not end like a PNG, JPEG, TIFF or BMP file"
    elif patient_pattern is not None:
        match = re.search(patient_pattern, rest)
        patient = match.group(1) if match else None
        problem = "" if patient else "missing patient: its name does not fit patient_pattern"
    return Item(name, name, label if rest else None, patient, masks, problem)


def _masks_by_image(names: list[str], suffix: str | None) -> dict[str, tuple[str, ...]]:
    """Map the stem of each image to its masks, among all file names."""
    if suffix is None:
        return {}
    ending = re.compile(re.escape(suffix) + r"(_\d+)?$")
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        stem = _stem(name)
        if ending.search(stem) and Path(name).suffix.lower() in SUFFIXES:
            image = ending.sub("", stem)
            found[image] = (*found.get(image, ()), name)
    return found


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _is_clutter(path: Path) -> bool:
    """Tell what systems leave in folders and archives: hidden things and thumbnails."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return hidden or path.name.lower() in CLUTTER
