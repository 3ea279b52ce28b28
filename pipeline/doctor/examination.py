"""All checks, in the order in which a person wants their answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.doctor import (
    machine,
    packages,
    parameters,
    repository,
    scans,
    storage,
    tracking_store,
    versioning,
)
from pipeline.doctor.finding import Check, Finding, Project, problem

CHECKS: tuple[tuple[str, str, Check], ...] = (
    ("machine", "cores", machine.cores),
    ("machine", "memory", machine.memory),
    ("machine", "GPU", machine.accelerator),
    ("machine", "open files", machine.open_files),
    ("machine", "disk", storage.room),
    ("packages", "Python", packages.python),
    ("packages", "versions", packages.pinned),
    ("project", "params.yaml", parameters.parameters),
    ("project", "presets", parameters.presets),
    ("project", "git", repository.commit),
    ("scans", "presence", scans.presence),
    ("scans", "last run", scans.known_to_dvc),
    ("scans", "kept out of git", scans.out_of_git),
    ("DVC", "repository", versioning.initialised),
    ("DVC", "lock", versioning.lock),
    ("DVC", "cache", versioning.cache),
    ("DVC", "remote", versioning.remote),
    ("DVC", "index", versioning.index),
    ("MLflow", "store", tracking_store.store),
    ("MLflow", "place", tracking_store.place),
)


@dataclass(frozen=True)
class Answer:
    """What one check found.

    Args:
        subject: What it is about, e.g. `machine`.
        name: Which check of that subject.
        finding: What it found.
    """

    subject: str
    name: str
    finding: Finding

    def plain(self) -> dict[str, str]:
        """As JSON has it."""
        return {"subject": self.subject, "check": self.name, **asdict(self.finding)}


def examine(root: Path) -> Iterator[Answer]:
    """Run every check; one that fails itself is a problem and stops no other."""
    project = Project.at(root)
    for subject, name, check in CHECKS:
        try:
            finding = check(project)
        except Exception as error:  # a check that cannot look must not hide the others
            # Its text could name files of scans.
            finding = problem(f"could not be looked at ({type(error).__name__})", "report this")
        yield Answer(subject, name, finding)
