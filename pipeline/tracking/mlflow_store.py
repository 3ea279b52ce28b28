"""The MLflow store with the pipeline's experiment: runs are found, begun and taken up again."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.compute import project_root
from pipeline.config import Params
from pipeline.errors import DataError
from pipeline.lockfile import StageEntry
from pipeline.tracking.mlflow_run import MlflowRun, flat

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATA = "data/"


class Store:
    """An MLflow store with the pipeline's experiment in it.

    Args:
        uri: The tracking URI.
        root: The project's root, for the local store and its artifacts.
        experiment: The experiment's name.

    Raises:
        DataError: If MLflow knows no store of the URI's scheme, or the project's own store would
            keep its artifacts in another directory.
    """

    def __init__(self, uri: str, root: Path, experiment: str) -> None:
        self.uri = uri
        _hush()
        from filelock import FileLock

        # Clients that meet a missing SQLite file at once break it for good: one goes first.
        with FileLock(root / "mlflow.db.lock"):
            self.client: MlflowClient = _client(uri)
            self.experiment = _experiment(self.client, experiment, root)

    def find(self, entry: StageEntry, statuses: Sequence[str] = ("FINISHED",)) -> MlflowRun | None:
        """The newest run of a stage with one of the statuses."""
        # Children carry the key of the stage that they show a part of, and no DVC_STAGE.
        query = f"tags.stage_key = '{entry.key}' AND tags.DVC_STAGE = '{entry.name}'"
        runs = self.client.search_runs([self.experiment], query, order_by=["start_time DESC"])
        found = next((run.info.run_id for run in runs if run.info.status in statuses), None)
        return None if found is None else MlflowRun(self.client, self.experiment, entry, found)

    def start(self, entry: StageEntry, more: Mapping[str, str]) -> MlflowRun:
        """Begin the run of a stage, or take up the one that a killed process left."""
        tags = {**describe(entry), **more}
        run = self.find(entry, ("RUNNING", "KILLED"))
        if run is not None:
            self.client.update_run(run.run_id, status="RUNNING")
            run.tags(tags)
            return run
        created = self.client.create_run(self.experiment, tags=tags, run_name=entry.name)
        run = MlflowRun(self.client, self.experiment, entry, created.info.run_id)
        run.parameters(chosen(entry))
        for path in entry.dependencies:
            # Where the user's scans lie may name a patient; that they were read may be told.
            if path.startswith(DATA) and entry.stage != "ingest" and Path(path) != _scans(entry):
                run.dataset(path.removeprefix(DATA), Path(path), entry.stage)
        return run

    def tags(self, run: MlflowRun) -> dict[str, str]:
        """The tags of a run."""
        return dict(self.client.get_run(run.run_id).data.tags)

    def children(self, run: MlflowRun) -> list[dict[str, str]]:
        """The tags of each run below a run."""
        query = f"tags.mlflow.parentRunId = '{run.run_id}'"
        found = self.client.search_runs([self.experiment], query, max_results=10_000)
        return [dict(child.data.tags) for child in found]


def _scans(entry: StageEntry) -> Path | None:
    """Where the scans lie, by the parameters of a stage that reads them."""
    section = entry.parameters.get("params.yaml", {}).get("ingest")
    return Path(str(section.get("path"))) if isinstance(section, Mapping) else None


def store_uri(root: Path) -> str:
    """MLFLOW_TRACKING_URI, else the SQLite file in the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / 'mlflow.db'}"


def artifacts_uri(root: Path) -> str:
    """Where the project's own store keeps its artifacts."""
    return (root / "mlartifacts").as_uri()


def open_store(params: Params) -> Store:
    """Open the store of the real repository, also from inside a DVC experiment's workspace."""
    root = project_root()
    return Store(store_uri(root), root, params.tracking.experiment)


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
    return {name: value for name, value in flat(merged) if name != "ingest.path"}


def _client(uri: str) -> MlflowClient:
    from mlflow import MlflowClient
    from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException

    try:
        return MlflowClient(tracking_uri=uri)
    except UnsupportedModelRegistryStoreURIException as error:
        # The rest of the URI may hold a password.
        raise DataError(
            "MLFLOW_TRACKING_URI",
            f"got {uri.partition(':')[0]!r} before its colon; give http, https, sqlite, "
            "postgresql, mysql or mssql, or unset it, and mlflow.db in the project's root is used",
        ) from error


def _experiment(client: MlflowClient, name: str, root: Path) -> str:
    found = client.get_experiment_by_name(name)
    location = None if os.environ.get("MLFLOW_TRACKING_URI") else artifacts_uri(root)
    if found is not None:
        # A copied project's store names the original, which would be written to.
        if location is not None and found.artifact_location != location:
            raise DataError(
                "mlflow.db",
                "was made in another directory, where its artifacts would go; move it away, "
                "then: python -m pipeline sync",
            )
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=location))


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
