"""What a stage tells MLflow while it works: the only importer of mlflow.

DVC's files are the truth and MLflow is a view of them, so nothing here may stop a stage: the
first failure to log is told once, and logging goes quiet. Each run carries the tag `stage_key`,
by which `python -m pipeline sync` finds what is missing. To log something new: a method on
`Run`, `NullRun` and `MlflowRun`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipeline import lockfile
from pipeline.compute import project_root
from pipeline.config import Params
from pipeline.lockfile import StageEntry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run as StoredRun

FLUSH_SECONDS = 5.0
LONGEST_VALUE = 500
# Stages that are long, or that end in what people compare, log while they run; `sync` logs the
# others, which would spend longer importing mlflow than working.
LIVE_STAGES = ("train_gan", "classify", "compare")


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
