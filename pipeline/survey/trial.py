"""A dry run of ingest's reading on a few scans: what it would refuse and why, and the images.

The scans are linked into a directory of their own, that only their owner may look into and that is
gone afterwards, so that the source reads a small tree. Nothing is decoded here that ingest would
not decode.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import config
from pipeline.errors import PipelineError
from pipeline.registry import SOURCES
from pipeline.sources import guarded, pseudonyms, validity
from pipeline.sources.source import Broken, Scan, Settings, Target
from pipeline.survey.contents import Contents
from pipeline.survey.description import Description, Sample

_MOST = 400
_KEPT = 12


@dataclass
class Trial:
    """What became of the scans that were tried.

    Args:
        settings: What the source says of all its scans; None where it refuses them as a whole.
        usable: How many can be used.
        refused: Reason -> how many.
        complaint: Why ingest would stop, or nothing.
        images: Up to twelve images of each class, (C, *spatial) in [-1, 1].
        patients: How many patients the usable scans are of.
    """

    settings: Settings | None = None
    usable: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    complaint: str = ""
    images: dict[str, list[NDArray[np.float32]]] = field(default_factory=dict)
    patients: set[str] = field(default_factory=set)


def run(contents: Contents, description: Description) -> Trial:
    """Decode the sample of a description as ingest would."""
    trial = Trial()
    with TemporaryDirectory(prefix="inspect-") as directory, guarded.hushed():
        _link(contents, description.sample, Path(directory))
        try:
            _read(Path(directory), contents, description, trial)
        except PipelineError as problem:
            trial.complaint = _scrubbed(str(problem), contents, directory)
    return trial


def scale(image: NDArray[Any], window: tuple[float, float]) -> NDArray[np.float32]:
    """Map stored values to [-1, 1], clipping at the window."""
    low, high = window
    scaled = (np.asarray(image, np.float32) - low) * (2.0 / (high - low)) - 1.0
    clipped: NDArray[np.float32] = np.clip(scaled, -1.0, 1.0).astype(np.float32)
    return clipped


def _link(contents: Contents, sample: Sample, directory: Path) -> None:
    for place, file in sample.links.items():
        source = contents.root / file
        link = directory / place
        # What a table names may lie elsewhere, or not be there: the source shall say so.
        inside = link.resolve().is_relative_to(directory.resolve())
        if inside and source.is_file() and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source.resolve())
    if sample.table is not None:
        name, rows = sample.table
        _write(directory / Path(name).name, rows)


def _write(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["image"])
        writer.writeheader()
        writer.writerows(rows)


def _read(directory: Path, contents: Contents, description: Description, trial: Trial) -> None:
    name, size = str(description.source), description.size
    options = config.options_of(SOURCES, name, description.sample.options, "ingest.options")
    target = Target(size, description.window, 0)
    kind = SOURCES.load(name)
    source = guarded.opened(lambda: kind(directory, options, target), name)
    settings = source.settings()
    trial.settings = settings
    for number, scan in islice(guarded.numbered(source, name), _MOST):
        if isinstance(scan, Broken) and not scan.scan:
            continue
        problem = scan.reason if isinstance(scan, Broken) else None
        if isinstance(scan, Scan):
            problem = validity.problem_with(scan, settings, size)
        if isinstance(scan, Broken) or problem is not None:
            secrets = [scan.key]
            if isinstance(scan, Scan):
                secrets += [scan.patient or "", *scan.identifiers]
            reason = _scrubbed(problem or "is broken", contents, directory, *secrets)
            trial.refused[reason] += 1
            continue
        pseudonyms.check_values(scan, guarded.item_name(number))
        trial.usable += 1
        if scan.patient is not None:
            trial.patients.add(scan.patient)
        kept = trial.images.setdefault(scan.label, [])
        if len(kept) < _KEPT:
            kept.append(scale(scan.image, settings.window))


def _scrubbed(text: str, contents: Contents, directory: object, *secrets: str) -> str:
    places = (str(directory), str(contents.root.resolve()), str(contents.root))
    return pseudonyms.scrubbed(text, *secrets, places=places)
