"""What a check is given, and what it says.

To add a check: a function of a `Project` in the file of its subject, which says what is there and
how to mend what is not, and a line in `examination.CHECKS`. A check takes a second at most, changes
nothing, and says neither file names of scans nor passwords.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypeAlias

from pipeline import config
from pipeline.config import Params
from pipeline.errors import PipelineError

State: TypeAlias = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Project:
    """What is examined.

    Args:
        root: The project's root.
        params: Its parameters, or None where params.yaml cannot be read.
        complaint: Why it cannot.
    """

    root: Path
    params: Params | None
    complaint: str = ""

    @classmethod
    def at(cls, root: Path) -> Self:
        """Read what there is."""
        try:
            return cls(root, config.load(root / "params.yaml"))
        except PipelineError as error:
            return cls(root, None, str(error))


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Args:
        state: `ok`; `warning`, with which the pipeline still runs; `problem`, with which it stops.
        said: What is there, or what is missing.
        mend: What to do about it; nothing where all is well.
    """

    state: State
    said: str
    mend: str = ""


Check: TypeAlias = Callable[[Project], Finding]


def ok(said: str) -> Finding:
    """All is well."""
    return Finding("ok", said)


def warning(said: str, mend: str) -> Finding:
    """The pipeline runs, but perhaps not as its user would like."""
    return Finding("warning", said, mend)


def problem(said: str, mend: str) -> Finding:
    """The pipeline stops, or its result would be wrong."""
    return Finding("problem", said, mend)


def unasked() -> Finding:
    """The answer depends on parameters that cannot be read."""
    return warning("not looked at", "mend params.yaml first, and ask again")
