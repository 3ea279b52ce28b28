"""The MLflow store, in each state in which it cannot be written to."""

from __future__ import annotations

import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipeline.doctor import tracking_store


@pytest.fixture
def database(root):
    """A store of the installed MLflow's schema."""
    path = root / "mlflow.db"
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR)")
    wanted = tracking_store.latest_schema()
    connection.execute("INSERT INTO alembic_version VALUES (?)", (wanted,))
    connection.execute("CREATE TABLE experiments (name VARCHAR, artifact_location VARCHAR)")
    connection.commit()
    yield connection
    connection.close()


@pytest.fixture
def server():
    """Answers `/health` with a status that the test sets."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(instance.status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    instance = HTTPServer(("127.0.0.1", 0), Handler)
    instance.status = 200
    thread = threading.Thread(target=instance.serve_forever, daemon=True)
    thread.start()
    yield instance
    instance.shutdown()
    instance.server_close()


def test_a_store_that_is_not_there_yet_will_be_made(project):
    """Nothing is made by looking."""
    assert tracking_store.store(project).state == "ok"
    assert not (project.root / "mlflow.db").exists()


def test_a_sound_store_is_well(project, database):
    """Its schema is named."""
    found = tracking_store.store(project)
    assert found.state == "ok" and tracking_store.latest_schema() in found.said


@pytest.mark.parametrize(("place", "state"), [("", "ok"), ("elsewhere", "problem")])
def test_a_copied_store_would_write_into_the_original(project, database, place, state):
    """Its artifacts go where it was made."""
    location = (project.root.resolve() / place / "mlartifacts").as_uri()
    name = project.params.tracking.experiment
    database.execute("INSERT INTO experiments VALUES (?, ?)", (name, location))
    database.commit()
    found = tracking_store.store(project)
    assert found.state == state
    if state == "problem":
        assert "another directory" in found.said and "python -m pipeline sync" in found.mend


def test_the_installed_mlflows_own_stores_have_the_latest_schema(tmp_path):
    """What is read from its migrations is what MLflow itself writes."""
    engine = pytest.importorskip("sqlalchemy").create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    from mlflow.store.db.utils import _get_latest_schema_revision

    engine.dispose()
    assert tracking_store.latest_schema() == _get_latest_schema_revision()


def test_another_schema_is_a_problem(project, database):
    """MLflow refuses such a store; the upgrade is named."""
    database.execute("UPDATE alembic_version SET version_num = 'abc'")
    database.commit()
    found = tracking_store.store(project)
    assert found.state == "problem" and "mlflow db upgrade" in found.mend


def test_a_store_that_is_being_written_to_is_said(project, database):
    """It may be a run, so that it is a warning."""
    database.execute("BEGIN EXCLUSIVE")
    found = tracking_store.store(project)
    database.rollback()
    assert found.state == "warning" and "being written" in found.said


@pytest.mark.parametrize("content", [b"", b"no database" * 100])
def test_what_is_no_store_is_a_problem(content, project):
    """An empty file, as a killed first client leaves it, and something else."""
    (project.root / "mlflow.db").write_bytes(content)
    found = tracking_store.store(project)
    assert found.state == "problem" and "move mlflow.db away" in found.mend


def test_a_store_without_the_right_to_write_is_a_problem(project, database, monkeypatch):
    """Of the file, or of the directory that would hold it."""
    monkeypatch.setattr(tracking_store.os, "access", lambda *_: False)
    assert "chmod" in tracking_store.store(project).mend
    database.close()
    (project.root / "mlflow.db").unlink()
    assert tracking_store.store(project).state == "problem"


@pytest.mark.parametrize(("status", "state"), [(200, "ok"), (401, "ok"), (500, "warning")])
def test_a_server_is_asked(status, state, server, project, monkeypatch):
    """Whether it answers; a password in the address is not shown."""
    server.status = status
    address = f"http://me:secret@127.0.0.1:{server.server_port}/"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    found = tracking_store.store(project)
    assert found.state == state
    assert "secret" not in found.said + found.mend


def test_a_server_that_does_not_answer_is_a_problem(server, project, monkeypatch):
    """The port is closed."""
    port = server.server_port
    server.shutdown()
    server.server_close()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    assert tracking_store.store(project).state == "problem"


def test_a_directory_is_no_store_for_mlflow_3(project, monkeypatch):
    """`./mlruns`, as it was in MLflow 2."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    assert tracking_store.store(project).state == "problem"


def test_tracking_that_is_off_needs_no_store(change):
    """Whatever is there."""
    found = tracking_store.store(change(("enabled: true", "enabled: false")))
    assert found.state == "ok" and "tracking.enabled" in found.said


def test_a_network_drive_is_said(project, monkeypatch):
    """SQLite's locks fail on NFS; a server has its own."""
    monkeypatch.setattr(tracking_store, "filesystem_of", lambda _: "nfs4")
    assert tracking_store.place(project).state == "warning"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert tracking_store.place(project).state == "ok"
