"""What is in a folder of scans, an ImageSet or a file: figures, a picture, and what to paste.

Nothing that is printed or drawn names a patient or a file: counts, ranges, and class names that
are words of medicine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.errors import DataError
from pipeline.survey import contents, image_set, recognition, sheet, suggestion, trial
from pipeline.survey.classes import Classes
from pipeline.survey.description import Description, spread

Images: TypeAlias = Mapping[str, Sequence[NDArray[np.float32]]]
_EACH = 12


def run(
    root: Path,
    path: Path,
    out: Path,
    *,
    show_classes: bool = False,
    console: Console | None = None,
) -> None:
    """Look and tell.

    Args:
        root: The project's root, for its presets.
        path: A folder of scans, an ImageSet, or a file.
        out: The picture to write.
        show_classes: Show class names whatever they are.
        console: Where to print; the terminal unless given.

    Raises:
        DataError: If nothing is there that can be looked at, or the picture cannot be written.
    """
    _check_out(out)
    told = console or Console(width=100, highlight=False)
    if contents.is_image_set(path):
        _image_set(path, out, told, show_classes)
        return
    found = contents.look(path)
    description = recognition.describe(found)
    if found.single and description.source != "medmnist":
        description = replace(description, classes=None, missing=())
    told.print(_table(description, found.counts(), show_classes))
    if description.source is not None:
        tried = trial.run(found, description)
        _tell_trial(told, tried, description)
        plain = description.classes is None or description.classes.may_show(all_names=show_classes)
        if sheet.write(out, tried.images):
            _tell(told, _legend(tried.images, out, plain=plain))
    for lack in description.missing:
        _tell(told, f"Missing for ingest: {lack}")
    if description.source is not None and not (found.single and description.source != "medmnist"):
        _suggest(told, root, path, description, show_classes)


def _check_out(out: Path) -> None:
    """Refuse a picture that could not be written, before any scan is read."""
    if out.suffix.lower() != ".png":
        raise DataError("--out", f"got a name that ends in {out.suffix!r}; it must end in .png")
    there = os.access(out, os.F_OK)
    place = out if there else out.parent
    if not os.access(place, os.W_OK) or place.is_dir() == there:
        raise DataError("--out", "cannot be written; name a place that you may write to")


def _image_set(path: Path, out: Path, told: Console, show_classes: bool) -> None:
    description, images = image_set.describe(path)
    told.print(_table(description, "", show_classes))
    shown = {}
    for label in images.meta.classes:
        rows = images.manifest.index[images.manifest["label"].eq(label)].tolist()
        shown[label] = list(images.scaled(spread(rows, _EACH)))
    if sheet.write(out, shown):
        _tell(told, _legend(shown, out, plain=True))
    _tell(told, "It is what ingest makes: arms and exports take it as it is.")


def _table(description: Description, counts: str, show_classes: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=description.form, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    if counts:
        table.add_row("files", Text(counts))
    for what, said in description.said:
        table.add_row(what, Text(said))
    if description.classes is not None:
        table.add_row("classes", Text(description.classes.shown(all_names=show_classes)))
    return table


def _tell_trial(told: Console, tried: trial.Trial, description: Description) -> None:
    total = tried.usable + sum(tried.refused.values())
    if tried.complaint:
        _tell(told, f"ingest would stop: {tried.complaint}")
    if total:
        spread_over = f"{total} scans were tried at {list(description.size)}"
        _tell(
            told, f"{spread_over}: ingest would take {tried.usable}, refuse {total - tried.usable}"
        )
    for reason, count in tried.refused.most_common():
        _tell(told, f"  {count} refused: {reason}")


def _legend(images: Images, out: Path, *, plain: bool) -> str:
    """Tell which row of the sheet is which class."""
    names = sorted(name for name, row in images.items() if row)
    rows = ", ".join(name if plain else f"class {n}" for n, name in enumerate(names, 1))
    return f"Picture: {out.name}, a row for each of: {rows}"


def _suggest(
    told: Console, root: Path, path: Path, description: Description, show_classes: bool
) -> None:
    place = (path / description.below).absolute()
    inside = place.is_relative_to(root.absolute())
    name = place.relative_to(root.absolute()).as_posix() if inside else place.as_posix()
    classes: Classes | None = description.classes
    positive = None if classes is None else classes.positive(all_names=show_classes)
    _tell(told, "\nFor params.yaml:\n")
    _tell(told, suggestion.block(description, name, positive))
    preset = suggestion.closest_preset(root, suggestion.values(description, name, positive))
    if preset is not None:
        fits = "fits" if preset[1] else "comes closest, and differs in what is above"
        _tell(told, f"\nThe preset {preset[0]} {fits}: python -m pipeline use {preset[0]}")


def _tell(told: Console, text: str) -> None:
    told.print(text, markup=False, soft_wrap=True)
