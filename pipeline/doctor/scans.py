"""The user's scans: there, readable, known to DVC, and kept out of git."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pipeline import lockfile
from pipeline.config import Params
from pipeline.doctor.finding import Finding, Project, ok, problem, unasked, warning
from pipeline.doctor.repository import git

_LOOKED_AT = 500
_MAKES_ITS_OWN = "phantom"
_NOTES = frozenset({"readme.md", ".gitignore", ".gitkeep"})


def presence(project: Project) -> Finding:
    """Whether `ingest.path` is there, holds files, and they can be read."""
    if project.params is None:
        return unasked()
    ingest = project.params.ingest
    if ingest.source == _MAKES_ITS_OWN:
        return ok("the phantom, which is made and not read")
    path = project.root / ingest.path
    mend = "python -m pipeline use <preset> --data-path <where your scans are>"
    if not path.exists():
        if ingest.options.get("download"):
            return ok("not there yet; ingest will fetch them (ingest.options.download)")
        return problem("ingest.path: there is no such file or directory", mend)
    found = list(islice(files(path), _LOOKED_AT))
    if not found:
        return problem("ingest.path holds no files", mend)
    closed = sum(not os.access(file, os.R_OK) for file in found)
    if closed:
        said = f"{closed} of {len(found)} files of ingest.path may not be read"
        return problem(said, "give yourself the right to: chmod -R u+rX on that directory")
    more = " or more" if len(found) == _LOOKED_AT else ""
    return ok(f"{len(found)}{more} files at ingest.path, source {ingest.source}")


def known_to_dvc(project: Project) -> Finding:
    """Whether the last run was on what `ingest.path` names now."""
    if project.params is None:
        return unasked()
    path = project.params.ingest.path
    ran = lockfile.read(project.root / "dvc.lock", "ingest")
    if any(path in entry.dependencies for entry in ran):
        return ok("DVC has the hash of what ingest.path named in the last run")
    return warning("DVC has not run on this ingest.path yet", "dvc repro, or make repro")


def out_of_git(project: Project) -> Finding:
    """Whether a careless commit could put scans into the repository's history."""
    if project.params is None:
        return unasked()
    inside = _inside(project.root, project.params)
    if inside is None:
        return ok("the scans lie outside the repository, or are made")
    first = next(files(project.root / inside), None)
    if first is None:
        return ok("there is nothing to commit")
    name = first.relative_to(project.root.resolve()).as_posix()
    if git(project.root, "ls-files", "--error-unmatch", name).returncode == 0:
        mend = "git rm --cached -r on ingest.path; what was pushed must be taken out of history too"
        return problem("git holds files of ingest.path", mend)
    if git(project.root, "check-ignore", "-q", name).returncode == 1:
        return problem("git would commit the scans", f"add /{inside}/ to .gitignore")
    return ok("git passes over ingest.path")


def files(path: Path) -> Iterator[Path]:
    """Files below a path that may be scans, or the file itself, as absolute paths."""
    if path.is_file():
        yield path.resolve()
        return
    for place, _, names in os.walk(path.resolve()):
        for name in names:
            if name.lower() not in _NOTES:
                yield Path(place) / name


def _inside(root: Path, params: Params) -> str | None:
    """`ingest.path` relative to the root; None where it is elsewhere."""
    path = (root / params.ingest.path).resolve()
    if params.ingest.source == _MAKES_ITS_OWN or not path.exists():
        return None
    if not path.is_relative_to(root.resolve()):
        return None
    return path.relative_to(root.resolve()).as_posix()
