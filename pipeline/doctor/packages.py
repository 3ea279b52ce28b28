"""Python, and the packages that requirements.lock pins."""

from __future__ import annotations

import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from pipeline.doctor.finding import Finding, Project, ok, problem, warning

_SHOWN = 5
_INSTALL = "python -m pip install -r requirements.lock, or make install"


def python(project: Project) -> Finding:
    """Whether this Python is one that pyproject.toml allows, in an environment of its own."""
    version = ".".join(map(str, sys.version_info[:3]))
    path = project.root / "pyproject.toml"
    if not path.is_file():
        return problem("pyproject.toml is missing", "run from the project's root")
    described = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
    wanted = SpecifierSet(described.get("requires-python", ""))
    if not wanted.contains(version):
        mend = f"make a new environment: make repro PYTHON=<a Python {wanted}>"
        return problem(f"Python {version}, and {wanted} is needed", mend)
    return ok(f"Python {version}")


def pinned(project: Project) -> Finding:
    """Whether what is installed is what requirements.lock pins.

    Versions built for a device (`2.13.0+cpu`) count as the version that they are builds of.
    """
    path = project.root / "requirements.lock"
    if not path.is_file():
        return problem("requirements.lock is missing", "run from the project's root")
    missing, others = compared(path)
    if missing:
        return problem(f"not installed: {_few(missing)}", _INSTALL)
    if others:
        said = f"other versions than requirements.lock pins: {_few(others)}"
        return warning(said, f"{_INSTALL}; results may differ in their last digits until then")
    return ok("all that requirements.lock pins")


def compared(path: Path) -> tuple[list[str], list[str]]:
    """The pinned packages that are not installed, and those of other versions."""
    missing, others = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            wanted = Requirement(line.partition("#")[0].strip())
        except InvalidRequirement:
            continue  # a comment, or an option of pip's
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            found = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            missing.append(wanted.name)
            continue
        if not wanted.specifier.contains(found.partition("+")[0], prereleases=True):
            others.append(f"{wanted.name} {found}")
    return missing, others


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
