"""What a stage can tell about itself, and the run that listens to none of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Run(Protocol):
    """What a stage can tell about itself."""

    def listen(self, job: str, figures: Mapping[str, float], at: int) -> None:
        """Take the figures of one of the stage's jobs at a step; a `compute.Listener`."""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log figures of the stage as a whole."""

    def parameters(self, values: Mapping[str, object]) -> None:
        """Log choices by dotted names; nested mappings are flattened."""

    def tags(self, values: Mapping[str, object]) -> None:
        """Set tags."""

    def artifact(self, path: Path, directory: str = "") -> None:
        """Store a copy of a file, or of a directory."""

    def dataset(self, name: str, path: Path, context: str) -> None:
        """Name a dependency as an input data set, with DVC's md5 as its digest."""

    def child(self, name: str, tags: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """Log one finished part of the stage as a run below this one."""


class NullRun:
    """A run that ignores everything."""

    def listen(self, job: str, figures: Mapping[str, float], at: int) -> None:
        """Ignore."""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Ignore."""

    def parameters(self, values: Mapping[str, object]) -> None:
        """Ignore."""

    def tags(self, values: Mapping[str, object]) -> None:
        """Ignore."""

    def artifact(self, path: Path, directory: str = "") -> None:
        """Ignore."""

    def dataset(self, name: str, path: Path, context: str) -> None:
        """Ignore."""

    def child(self, name: str, tags: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """Ignore."""
