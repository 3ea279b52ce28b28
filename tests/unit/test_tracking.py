"""MLflow shows what runs, never stops it, and holds nothing about where the scans lie."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3

import pytest

from pipeline import config, lockfile, tracking
from pipeline.compute import project_root
from pipeline.errors import DataError
from pipeline.lockfile import StageEntry
from pipeline.tracking import stage_run

TRAINING = StageEntry(
    "train_gan@dcgan", "train", {"data/augmented": "abc.dir"}, {"params.yaml": {"seed": 1}}
)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """An empty store, made once: its migrations take seconds."""
    root = tmp_path_factory.mktemp("store")
    tracking.Store(f"sqlite:///{root / 'mlflow.db'}", root, "tests")
    return root / "mlflow.db"


@pytest.fixture
def store(template, tmp_path):
    """A fresh store."""
    shutil.copy(template, tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        query = "UPDATE experiments SET artifact_location = ? WHERE name = 'tests'"
        connection.execute(query, (tracking.artifacts_uri(tmp_path),))
        connection.commit()
    return tracking.Store(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path, "tests")


def stored(store, run):
    """What the store holds of a run."""
    return store.client.get_run(run.run_id)


class TestRun:
    """A run in a store."""

    def test_figures_wait_and_are_all_there_at_the_end(self, store):
        """Figures of jobs are sent many at once and none is lost."""
        run = store.start(TRAINING, {})
        for step in range(30):
            run.listen("r0f0g0", {"loss": float(step)}, step)
        run.end("FINISHED")
        history = store.client.get_metric_history(run.run_id, "r0f0g0/loss")
        assert [point.value for point in history] == [float(step) for step in range(30)]
        assert stored(store, run).info.status == "FINISHED"

    def test_names_with_a_plus_are_allowed(self, store):
        """An arm's name may hold a sign that MLflow's names may not."""
        run = store.start(TRAINING, {})
        run.metrics({"classical+synthetic/auc": 0.5})
        run.end("FINISHED")
        assert stored(store, run).data.metrics == {"classical_synthetic/auc": 0.5}
        assert not run.broken

    def test_data_sets_carry_the_md5_of_dvc(self, store):
        """A data set's digest is what DVC calls it."""
        run = store.start(TRAINING, {})
        inputs = stored(store, run).inputs.dataset_inputs
        assert [(found.dataset.name, found.dataset.digest) for found in inputs] == [
            ("augmented", "abc.dir")
        ]

    def test_a_child_shows_a_part(self, store):
        """A child names its parent and its own tags, and is found below it."""
        run = store.start(TRAINING, {})
        run.child("real r0f0s0", {"augmentation": "real", "fold": 0}, {"auc": 0.7})
        (tags,) = store.children(run)
        assert tags["augmentation"] == "real"
        assert tags["fold"] == "0"
        assert tags["mlflow.parentRunId"] == run.run_id

    def test_a_failure_is_told_once_and_stops_nothing(self, store, capsys, monkeypatch):
        """Logging that fails is quiet after the first time, and raises never."""
        run = store.start(TRAINING, {})
        calls = []

        def fail(*args, **kwargs):
            calls.append(args)
            raise OSError("disk full")

        monkeypatch.setattr(store.client, "log_batch", fail)
        run.tags({"a": 1})
        run.tags({"b": 2})
        run.parameters({"c": 3})
        run.end("FINISHED")
        assert len(calls) == 1
        assert capsys.readouterr().err.count("disk full") == 1

    def test_a_missing_artifact_is_no_failure(self, store, tmp_path):
        """What is not there is not stored, and logging goes on."""
        run = store.start(TRAINING, {})
        run.artifact(tmp_path / "nothing.png")
        assert not run.broken


class TestStore:
    """Finding and resuming runs."""

    def test_a_finished_run_is_found_by_its_key_alone(self, store):
        """Other inputs are another run; a running one is not finished."""
        run = store.start(TRAINING, {})
        assert store.find(TRAINING) is None
        run.end("FINISHED")
        found = store.find(TRAINING)
        assert found is not None
        assert found.run_id == run.run_id
        other = StageEntry(TRAINING.name, "train", {"data/augmented": "x"}, TRAINING.parameters)
        assert store.find(other) is None

    def test_a_killed_run_is_taken_up_again(self, store):
        """A stage that resumes goes on in the run that the killed process left."""
        left = store.start(TRAINING, {})
        assert store.start(TRAINING, {}).run_id == left.run_id

    def test_a_child_with_the_key_of_a_stage_is_not_taken_for_it(self, store):
        """Children name the stage that trained them and are no run of that stage."""
        compare = store.start(StageEntry("compare", "c", {}, {}), {})
        compare.child("x", {"stage_key": TRAINING.key}, {})
        assert store.find(TRAINING) is None


class TestRunning:
    """What a stage script opens."""

    PARAMS = config.Params(
        seed=1,
        ingest=config.Ingest(source="phantom"),
        classify=config.Classify(arms={"real": config.Arm(recipe="real", images="data/augmented")}),
    )

    @pytest.mark.parametrize("name", ["", "split", "ingest"])
    def test_short_stages_and_runs_outside_dvc_log_nothing(self, name, monkeypatch):
        """They would spend longer importing mlflow than working."""
        monkeypatch.setenv("DVC_STAGE", name)
        with tracking.running(self.PARAMS) as run:
            assert isinstance(run, tracking.NullRun)

    def test_tracking_can_be_switched_off(self, monkeypatch):
        """`tracking.enabled: false` logs nothing at all."""
        monkeypatch.setenv("DVC_STAGE", "classify@real")
        params = self.PARAMS.model_copy(update={"tracking": config.Tracking(enabled=False)})
        with tracking.running(params) as run:
            assert isinstance(run, tracking.NullRun)

    def test_a_store_that_cannot_be_opened_stops_nothing(self, monkeypatch, capsys):
        """The stage runs on with a run that ignores everything."""
        monkeypatch.setenv("DVC_STAGE", "classify@real")

        def fail(*args):
            raise OSError("no such place")

        monkeypatch.setattr(lockfile, "running", fail)
        with tracking.running(self.PARAMS) as run:
            assert isinstance(run, tracking.NullRun)
        assert "no such place" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")]
    )
    def test_an_error_passes_through_and_shows(self, store, monkeypatch, error, status):
        """The run says how the stage ended, and the error is not swallowed."""
        monkeypatch.setenv("DVC_STAGE", "train_gan@dcgan")
        monkeypatch.setattr(lockfile, "running", lambda name, root: TRAINING)
        monkeypatch.setattr(stage_run, "open_store", lambda params: store)
        with pytest.raises(error), tracking.running(self.PARAMS):
            raise error
        assert store.find(TRAINING, (status,)) is not None


def test_where_the_scans_lie_is_not_among_the_parameters():
    """A path may hold a patient's name."""
    entry = StageEntry(
        "ingest", "c", {}, {"params.yaml": {"ingest": {"path": "/Doe^Jane", "size": [2, 2]}}}
    )
    assert tracking.chosen(entry) == {"ingest.size": "[2, 2]"}


def test_where_the_scans_lie_is_not_among_the_data_sets(store, tmp_path):
    """Not even inside data/, where a data set's name is its path."""
    entry = StageEntry("ingest", "c", {"data/raw/Doe^Jane": "abc"}, {})
    store.start(entry, {})
    of_scans = {"params.yaml": {"ingest": {"path": "data/Doe^Jane/"}}}
    read = {"data/Doe^Jane": "abc", "data/images": "def"}
    run = store.start(StageEntry("external@theirs", "c", read, of_scans), {})
    assert b"Doe^Jane" not in (tmp_path / "mlflow.db").read_bytes()
    assert [each.dataset.name for each in stored(store, run).inputs.dataset_inputs] == ["images"]


def test_a_copied_store_is_refused(template, tmp_path, monkeypatch):
    """It would write into the original; one that the user names is the user's."""
    shutil.copy(template, tmp_path)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with pytest.raises(DataError, match=r"mlflow\.db: was made in another directory"):
        tracking.Store(uri, tmp_path, "tests")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert tracking.Store(uri, tmp_path, "tests").experiment


def test_a_uri_of_an_unknown_scheme_is_refused(tmp_path):
    """The variable and what it may hold are named; a password in it is not."""
    said = r"^MLFLOW_TRACKING_URI: got 'foo' before its colon; give http, .*, or unset it, and mlf"
    with pytest.raises(DataError, match=said) as caught:
        tracking.Store("foo://me:secret@there", tmp_path, "tests")
    assert "secret" not in str(caught.value)


def test_an_arm_is_the_augmentation_and_anything_else_a_family():
    """Runs are compared by these tags."""
    assert tracking.describe(StageEntry("classify@real", "", {}, {}))["augmentation"] == "real"
    assert tracking.describe(TRAINING)["family"] == "dcgan"
    assert "family" not in tracking.describe(StageEntry("split", "", {}, {}))


def test_the_store_is_the_real_repository_s(monkeypatch, tmp_path):
    """DVC_ROOT holds it, also in the workspace of a DVC experiment."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert tracking.store_uri(project_root()) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    assert tracking.store_uri(tmp_path) == "http://elsewhere"
