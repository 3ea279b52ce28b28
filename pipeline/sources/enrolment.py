"""Which scans enter the set, and under which pseudonyms: what ingest and whoever asks it share."""

from __future__ import annotations

from pathlib import Path

from pipeline import config
from pipeline.config import Params
from pipeline.errors import ParameterError
from pipeline.registry import SOURCES
from pipeline.sources import guarded, pseudonyms, validity
from pipeline.sources.source import Broken, Scan, Settings, Source, Target

LEFT_OUT = "its label is not in ingest.classes"


def open_source(params: Params, root: Path) -> Source:
    """Open the user's scans.

    Raises:
        PipelineError: If the source cannot be opened, or finds no scans.
    """
    ingest = params.ingest
    options = config.options_of(SOURCES, ingest.source, ingest.options, "ingest.options")
    target = Target(ingest.size, ingest.window, params.seed)
    make = SOURCES.load(ingest.source)
    with guarded.hushed():
        source = guarded.opened(lambda: make(root / ingest.path, options, target), ingest.source)
    if not len(source):
        raise ParameterError(
            "ingest.path",
            f"got {ingest.path!r}, where the source {ingest.source} finds no scans; "
            "give the directory that holds them",
        )
    return source


def problem_with(scan: Scan | Broken, settings: Settings, params: Params) -> str | None:
    """Say why a scan does not enter the set, or None if it does."""
    if isinstance(scan, Broken):
        return scan.reason
    problem = validity.problem_with(scan, settings, params.ingest.size)
    asked = params.ingest.classes or settings.classes
    if problem is None and asked is not None and scan.label not in asked:
        return LEFT_OUT
    return problem


def is_left_out(scan: Scan | Broken, problem: str | None) -> bool:
    """Whether what does not enter was not asked for, or is no scan, rather than broken."""
    return problem == LEFT_OUT or (isinstance(scan, Broken) and not scan.scan)


def patients(params: Params, root: Path) -> dict[str, str]:
    """The pseudonym of each patient whose scans entered the set.

    It decodes all scans again, since nothing that leads back to a patient is stored. What it
    returns identifies patients, and is written nowhere.

    Returns:
        Identifier in the scans -> pseudonym, as ingest gave it.
    """
    source = open_source(params, root)
    settings = source.settings()
    names = pseudonyms.Pseudonyms(len(source), params.seed)
    with guarded.hushed():
        for _, scan in guarded.numbered(source, params.ingest.source):
            if isinstance(scan, Scan) and problem_with(scan, settings, params) is None:
                names.of(scan.patient)
    return {raw: names.of(raw) for raw in names.identifiers}
