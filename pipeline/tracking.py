"""What a stage tells MLflow while it works: the only importer of mlflow.

DVC's files are the truth and MLflow is a view of them, so nothing here may stop a stage: the
first failure to log is told once, and logging goes quiet. Each run carries the tag `stage_key`,
by which `python -m pipeline sync` finds what is missing. To log something new: a method on
`Run`, `NullRun` and `MlflowRun`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, get_args

from pipeline import lockfile
from pipeline.compute import project_root
from pipeline.config import MetricName, Params
from pipeline.lockfile import StageEntry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

Arguments = ParamSpec("Arguments")
CLASSIFIER_TAGS = ("augmentation", "repeat", "fold", "seed")
DATA = "data/"
FLUSH_SECONDS = 5.0
LONGEST_VALUE = 500
METRIC_NAMES = get_args(MetricName)
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
            _tell(error)

    return attempt


class MlflowRun:
    """A run in an MLflow store; one process writes it, and no failure leaves it.

    Args:
        store: Where to write.
        entry: The DVC stage that the run shows.
        run_id: The MLflow run.
    """

    def __init__(self, store: Store, entry: StageEntry, run_id: str) -> None:
        self.run_id = run_id
        self.broken = False
        self._store = store
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

        entries = [Param(name, text[:LONGEST_VALUE]) for name, text in _flat(values)]
        for start in range(0, len(entries), 100):
            chunk = entries[start : start + 100]
            self._store.client.log_batch(self.run_id, params=chunk)

    @_never_fails
    def tags(self, values: Mapping[str, object]) -> None:
        """Set tags."""
        from mlflow.entities import RunTag

        tags = [RunTag(name, str(value)) for name, value in values.items()]
        self._store.client.log_batch(self.run_id, tags=tags)

    @_never_fails
    def artifact(self, path: Path, directory: str = "") -> None:
        """Store a copy of a file, or of a directory."""
        if not path.exists():
            return
        if path.is_dir():
            self._store.client.log_artifacts(self.run_id, str(path), directory or path.name)
        else:
            self._store.client.log_artifact(self.run_id, str(path), directory or None)

    @_never_fails
    def dataset(self, name: str, path: Path, context: str) -> None:
        """Name a dependency as an input data set, with DVC's md5 as its digest."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        digest = self._entry.dependencies.get(path.as_posix(), "")
        source = json.dumps({"dvc": path.as_posix(), "md5": digest})
        dataset = Dataset(name, digest[:36], "dvc", source)
        tags = [InputTag("mlflow.data.context", context)]
        self._store.client.log_inputs(self.run_id, [DatasetInput(dataset, tags)])

    @_never_fails
    def child(self, name: str, tags: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """Log one finished part of the stage as a run below this one."""
        client = self._store.client
        texts = {key: str(value) for key, value in tags.items()}
        above = {"mlflow.parentRunId": self.run_id, "parent_stage_key": self._entry.key}
        run = client.create_run(self._store.experiment, tags=texts | above, run_name=name)
        client.log_batch(run.info.run_id, metrics=_metrics(metrics, 0))
        client.set_terminated(run.info.run_id)

    @_never_fails
    def flush(self) -> None:
        """Send the figures that wait."""
        waiting, self._waiting = self._waiting, []
        self._flushed = time.monotonic()
        for start in range(0, len(waiting), 1000):
            chunk = waiting[start : start + 1000]
            self._store.client.log_batch(self.run_id, metrics=chunk)

    @_never_fails
    def end(self, status: str) -> None:
        """Close the run as FINISHED, FAILED or KILLED."""
        self.flush()
        self._store.client.set_terminated(self.run_id, status=status)


class Store:
    """An MLflow store with the pipeline's experiment in it.

    Args:
        uri: The tracking URI.
        root: The project's root, for the local store and its artifacts.
        experiment: The experiment's name.
    """

    def __init__(self, uri: str, root: Path, experiment: str) -> None:
        _hush()
        from filelock import FileLock
        from mlflow import MlflowClient

        # Clients that meet a missing SQLite file at once break it for good: one goes first.
        with FileLock(root / "mlflow.db.lock"):
            self.client: MlflowClient = MlflowClient(tracking_uri=uri)
            self.experiment = _experiment(self.client, experiment, root)

    def find(self, entry: StageEntry, statuses: Sequence[str] = ("FINISHED",)) -> MlflowRun | None:
        """The newest run of a stage with one of the statuses."""
        # Children carry the key of the stage that they show a part of, and no DVC_STAGE.
        query = f"tags.stage_key = '{entry.key}' AND tags.DVC_STAGE = '{entry.name}'"
        runs = self.client.search_runs([self.experiment], query, order_by=["start_time DESC"])
        found = next((run.info.run_id for run in runs if run.info.status in statuses), None)
        return None if found is None else MlflowRun(self, entry, found)

    def start(self, entry: StageEntry, more: Mapping[str, str]) -> MlflowRun:
        """Begin the run of a stage, or take up the one that a killed process left."""
        tags = {**describe(entry), **more}
        run = self.find(entry, ("RUNNING", "KILLED"))
        if run is not None:
            self.client.update_run(run.run_id, status="RUNNING")
            run.tags(tags)
            return run
        created = self.client.create_run(self.experiment, tags=tags, run_name=entry.name)
        run = MlflowRun(self, entry, created.info.run_id)
        run.parameters(chosen(entry))
        for path in entry.dependencies:
            # Where the user's scans lie may name a patient; that they were read may be told.
            if path.startswith(DATA) and entry.stage != "ingest":
                run.dataset(path.removeprefix(DATA), Path(path), entry.stage)
        return run

    def children(self, run: MlflowRun) -> list[dict[str, str]]:
        """The tags of each run below a run."""
        query = f"tags.mlflow.parentRunId = '{run.run_id}'"
        found = self.client.search_runs([self.experiment], query, max_results=10_000)
        return [dict(child.data.tags) for child in found]


def store_uri(root: Path) -> str:
    """MLFLOW_TRACKING_URI, else the SQLite file in the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / 'mlflow.db'}"


def open_store(params: Params) -> Store:
    """Open the store of the real repository, also from inside a DVC experiment's workspace."""
    root = project_root()
    return Store(store_uri(root), root, params.tracking.experiment)


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
            _tell(error)
    if run is None:
        yield NullRun()
        return
    try:
        yield run
    except BaseException as error:
        run.end("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    run.end("FINISHED")


def describe(entry: StageEntry) -> dict[str, str]:
    """The tags that say which stage a run shows."""
    tags = {"stage_key": entry.key, "stage": entry.stage, "DVC_STAGE": entry.name}
    if entry.stage == "classify":
        tags["augmentation"] = entry.item
    elif entry.item:
        tags["family"] = entry.item
    return tags


def chosen(entry: StageEntry) -> dict[str, object]:
    """A stage's parameters as MLflow shows them: without where the user's scans lie."""
    merged: dict[str, object] = {}
    for parameters in entry.parameters.values():
        merged.update(parameters)
    return {name: value for name, value in _flat(merged) if name != "ingest.path"}


def show_comparison(
    run: Run,
    result: Mapping[str, Any],
    params: Params,
    root: Path,
    shown: Sequence[Mapping[str, str]] = (),
) -> None:
    """Show a comparison: a figure per arm and contrast, plots, and a child per classifier.

    Args:
        run: The comparison's own run.
        result: The content of metrics/comparison.json.
        params: For the family that an arm's images come from.
        root: The project's root.
        shown: Tags of the children that are there already.
    """
    for arm, figures in result["arms"].items():
        run.metrics(_finite({f"{arm}/{key}": figures[key]["mean"] for key in METRIC_NAMES}))
    for row in result["contrasts"]:
        name = f"{row['arm']} minus {row['against']}/{row['metric']}"
        run.metrics(_finite({name: row["difference"]}))
    run.artifact(root / "metrics/comparison.json")
    run.artifact(root / "plots/compare", "plots")
    keys = {entry.item: entry.key for entry in lockfile.read(root / "dvc.lock", "classify")}
    there = {tuple(tags.get(name) for name in CLASSIFIER_TAGS) for tags in shown}
    for row in result["runs"]:
        tags = {"augmentation": row["arm"], **{name: row[name] for name in CLASSIFIER_TAGS[1:]}}
        if tuple(str(value) for value in tags.values()) in there:
            continue
        directory, _, family = params.classify.arms[row["arm"]].images.rpartition("/")
        more = {"family": family} if directory == "data/synthetic" else {}
        more["stage_key"] = keys.get(row["arm"], "")
        name = f"{row['arm']} r{row['repeat']}f{row['fold']}s{row['seed']}"
        run.child(name, tags | more, _finite(row["metrics"]))


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


def _experiment(client: MlflowClient, name: str, root: Path) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    local = not os.environ.get("MLFLOW_TRACKING_URI")
    location = (root / "mlartifacts").as_uri() if local else None
    return str(client.create_experiment(name, artifact_location=location))


def _finite(values: Mapping[str, float | None]) -> dict[str, float]:
    return {key: value for key, value in values.items() if value is not None and isfinite(value)}


def _metrics(values: Mapping[str, float], step: int) -> list[Metric]:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [Metric(_key(name), float(value), now, step) for name, value in values.items()]


def _key(name: str) -> str:
    """MLflow allows letters, digits and a few signs in names; `+` is not one of them."""
    return "".join(sign if sign.isalnum() or sign in "_-. :/" else "_" for sign in name)


def _flat(values: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        place = f"{above}{name}"
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{place}.")
        else:
            yield _key(place), value if isinstance(value, str) else json.dumps(value, default=str)


def _hush() -> None:
    """Keep MLflow from calling home and from filling the terminal with its migrations."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    # A server that is gone costs seconds, not the half hour of MLflow's own patience.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    logging.getLogger("alembic").setLevel(logging.ERROR)


def _tell(error: Exception) -> None:
    text = " ".join(str(error).split())[:300]
    sys.stderr.write(f"MLflow: not logged any further ({text}); `make sync` can catch up\n")
