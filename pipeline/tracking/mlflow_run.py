"""A stage's run in an MLflow store: sent in batches, and no failure leaves it."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from pipeline.lockfile import StageEntry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

Arguments = ParamSpec("Arguments")
FLUSH_SECONDS = 5.0
LONGEST_VALUE = 500


def _never_fails(
    method: Callable[Concatenate[MlflowRun, Arguments], None],
) -> Callable[Concatenate[MlflowRun, Arguments], None]:
    """Tell a run's first failure to log and skip all that follows: a view may not stop work."""

    @functools.wraps(method)
    def attempt(run: MlflowRun, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        if run.broken:
            return
        try:
            method(run, *args, **kwargs)
        except Exception as error:
            run.broken = True
            tell(error)

    return attempt


class MlflowRun:
    """A run in an MLflow store; one process writes it, and no failure leaves it.

    Args:
        client: Of the store to write to.
        experiment: The experiment's id in it.
        entry: The DVC stage that the run shows.
        run_id: The MLflow run.
    """

    def __init__(
        self, client: MlflowClient, experiment: str, entry: StageEntry, run_id: str
    ) -> None:
        self.run_id = run_id
        self.broken = False
        self._client = client
        self._experiment = experiment
        self._entry = entry
        self._waiting: list[Metric] = []
        self._flushed = time.monotonic()

    def listen(self, job: str, figures: Mapping[str, float], at: int) -> None:
        """Take figures; they reach the store every few seconds, many at once."""
        self.metrics({f"{job}/{name}": value for name, value in figures.items()}, at)

    @_never_fails
    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log figures of the stage as a whole."""
        self._waiting += _metrics(values, step or 0)
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    @_never_fails
    def parameters(self, values: Mapping[str, object]) -> None:
        """Log choices by dotted names; nested mappings are flattened."""
        from mlflow.entities import Param

        entries = [Param(name, text[:LONGEST_VALUE]) for name, text in flat(values)]
        for start in range(0, len(entries), 100):
            chunk = entries[start : start + 100]
            self._client.log_batch(self.run_id, params=chunk)

    @_never_fails
    def tags(self, values: Mapping[str, object]) -> None:
        """Set tags."""
        from mlflow.entities import RunTag

        tags = [RunTag(name, str(value)) for name, value in values.items()]
        self._client.log_batch(self.run_id, tags=tags)

    @_never_fails
    def artifact(self, path: Path, directory: str = "") -> None:
        """Store a copy of a file, or of a directory."""
        if not path.exists():
            return
        if path.is_dir():
            self._client.log_artifacts(self.run_id, str(path), directory or path.name)
        else:
            self._client.log_artifact(self.run_id, str(path), directory or None)

    @_never_fails
    def dataset(self, name: str, path: Path, context: str) -> None:
        """Name a dependency as an input data set, with DVC's md5 as its digest."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        digest = self._entry.dependencies.get(path.as_posix(), "")
        source = json.dumps({"dvc": path.as_posix(), "md5": digest})
        dataset = Dataset(name, digest[:36], "dvc", source)
        tags = [InputTag("mlflow.data.context", context)]
        self._client.log_inputs(self.run_id, [DatasetInput(dataset, tags)])

    @_never_fails
    def child(self, name: str, tags: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """Log one finished part of the stage as a run below this one."""
        texts = {key: str(value) for key, value in tags.items()}
        above = {"mlflow.parentRunId": self.run_id, "parent_stage_key": self._entry.key}
        run = self._client.create_run(self._experiment, tags=texts | above, run_name=name)
        self._client.log_batch(run.info.run_id, metrics=_metrics(metrics, 0))
        self._client.set_terminated(run.info.run_id)

    @_never_fails
    def flush(self) -> None:
        """Send the figures that wait."""
        waiting, self._waiting = self._waiting, []
        self._flushed = time.monotonic()
        for start in range(0, len(waiting), 1000):
            chunk = waiting[start : start + 1000]
            self._client.log_batch(self.run_id, metrics=chunk)

    @_never_fails
    def end(self, status: str) -> None:
        """Close the run as FINISHED, FAILED or KILLED."""
        self.flush()
        self._client.set_terminated(self.run_id, status=status)


def flat(values: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """Flatten nested choices to dotted names that MLflow allows, and texts."""
    for name, value in values.items():
        place = f"{above}{name}"
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{place}.")
        else:
            yield _key(place), value if isinstance(value, str) else json.dumps(value, default=str)


def tell(error: Exception) -> None:
    """Say in one line that MLflow will show no more, and what to do about it."""
    text = " ".join(str(error).split())[:300]
    sys.stderr.write(f"MLflow: not logged any further ({text}); `make sync` can catch up\n")


def _metrics(values: Mapping[str, float], step: int) -> list[Metric]:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [Metric(_key(name), float(value), now, step) for name, value in values.items()]


def _key(name: str) -> str:
    """MLflow allows letters, digits and a few signs in names; `+` is not one of them."""
    return "".join(sign if sign.isalnum() or sign in "_-. :/" else "_" for sign in name)
