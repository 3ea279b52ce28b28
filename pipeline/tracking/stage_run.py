"""The run of the stage that DVC is running, for as long as it runs."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pipeline import lockfile
from pipeline.config import Params
from pipeline.tracking.mlflow_run import tell
from pipeline.tracking.mlflow_store import open_store
from pipeline.tracking.run import NullRun, Run

# Stages that are long, or that end in what people compare, log while they run; `sync` logs the
# others, which would spend longer importing mlflow than working.
LIVE_STAGES = ("train_gan", "classify", "curves", "compare")


@contextlib.contextmanager
def running(params: Params) -> Iterator[Run]:
    """Show the stage that DVC is running in MLflow, for as long as the block lasts.

    Yields:
        The stage's run; one that ignores everything outside DVC, when tracking is off, when
        the store cannot be reached, and for stages that only `sync` shows.
    """
    name = os.environ.get("DVC_STAGE", "")
    run = None
    if params.tracking.enabled and name.partition("@")[0] in LIVE_STAGES:
        try:
            entry = lockfile.running(name, Path.cwd())
            run = open_store(params).start(entry, circumstances())
        except Exception as error:
            tell(error)
    if run is None:
        yield NullRun()
        return
    try:
        yield run
    except BaseException as error:
        run.end("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    run.end("FINISHED")


def circumstances() -> dict[str, str]:
    """The tags that say in which state of the repository, and in which experiment, a run ran."""
    tags = {"git_revision": _git_revision()}
    for name in ("DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        if os.environ.get(name):
            tags[name] = os.environ[name]
    return {name: value for name, value in tags.items() if value}


def _git_revision() -> str:
    command = ["git", "rev-parse", "HEAD"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip()
