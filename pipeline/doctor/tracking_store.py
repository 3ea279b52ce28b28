"""The MLflow store: reachable, writable, of the right version, and not on a network drive.

MLflow itself is not imported, which takes seconds: the file is looked at as SQLite, and the schema
that the installed MLflow wants is read from its migrations.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from importlib import util
from pathlib import Path

from pipeline import tracking
from pipeline.compute import project_root
from pipeline.doctor.finding import Finding, Project, ok, problem, unasked, warning
from pipeline.doctor.storage import NETWORK, filesystem_of
from pipeline.errors import DataError

_SECONDS = 3.0
_BUSY_SECONDS = 0.5
_UNSET = "unset MLFLOW_TRACKING_URI, and mlflow.db in the project's root is used"
_REVISION = re.compile(r"^(down_)?revision\b[^=\n]*=\s*(.+)$", re.M)


def store(project: Project) -> Finding:
    """Whether runs can be written to the store that is going to be used."""
    if project.params is None:
        return unasked()
    if not project.params.tracking.enabled:
        return ok("not used: tracking.enabled is false")
    uri = tracking.store_uri(_root(project))
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme == "sqlite":
        found = _sqlite(Path(uri.removeprefix("sqlite:///")))
        return (_moved(project) if found.state == "ok" else None) or found
    if parts.scheme in ("http", "https"):
        return _server(parts)
    if parts.scheme in ("", "file"):
        said = "MLFLOW_TRACKING_URI names a directory, which MLflow 3 no longer writes to"
        return problem(said, _UNSET)
    return ok(f"{parts.scheme}: known to MLflow, and not looked into here")


def unusable(project: Project, error: Exception) -> DataError:
    """What to say of a store that failed: what is found of it, or MLflow's words if nothing is.

    Args:
        project: Whose store.
        error: MLflow's.
    """
    found = store(project)
    if found.mend:
        return DataError("MLflow", f"{found.said}; {found.mend}")
    reason = " ".join(str(error).split())[:300]
    return DataError("MLflow", f"its store cannot be used ({reason}); try again later")


def place(project: Project) -> Finding:
    """Whether a local store lies on a disk of this machine: SQLite's locks fail on others."""
    uri = tracking.store_uri(_root(project))
    if not uri.startswith("sqlite:///"):
        return ok("a server keeps it")
    kind = filesystem_of(Path(uri.removeprefix("sqlite:///")).parent)
    if kind in NETWORK:
        mend = "export MLFLOW_TRACKING_URI=sqlite:////<a path on a local disk>/mlflow.db"
        return warning(f"on {kind}, a network filesystem, where SQLite's locks fail", mend)
    return ok(f"on a local filesystem ({kind})" if kind else "the system does not tell where")


def latest_schema() -> str | None:
    """The schema that the installed MLflow writes; None where it cannot be told."""
    found = util.find_spec("mlflow")
    if found is None or not found.submodule_search_locations:
        return None
    versions = Path(found.submodule_search_locations[0]) / "store/db_migrations/versions"
    made: set[str] = set()
    followed: set[str] = set()
    for path in versions.glob("*.py"):
        for down, value in _REVISION.findall(path.read_text(encoding="utf-8")):
            (followed if down else made).update(re.findall(r"[\"'](\w+)[\"']", value))
    newest = made - followed
    return newest.pop() if len(newest) == 1 else None


def _root(project: Project) -> Path:
    """Where the store lies: the real repository's root inside a DVC experiment."""
    return project_root() if os.environ.get("DVC_ROOT") else project.root.resolve()


def _sqlite(path: Path) -> Finding:
    if not path.exists():
        if not os.access(path.parent, os.W_OK):
            mend = "give yourself the right to write there, or name another MLFLOW_TRACKING_URI"
            return problem("the store's directory is missing or cannot be written to", mend)
        return ok(f"{path.name} will be made by the first stage that tracks")
    if not os.access(path, os.W_OK):
        return problem(f"{path.name} cannot be written to", f"chmod u+w {path.name}")
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return warning(f"{path.name} is being written to", "wait for the run that does")
        return problem(f"{path.name} is no MLflow store, or an unfinished one", _renewed(path))
    except sqlite3.DatabaseError:
        return problem(f"{path.name} is no database", _renewed(path))
    found, wanted = "".join(row[0] for row in rows[:1]), latest_schema()
    if wanted is not None and found != wanted:
        mend = f"mlflow db upgrade sqlite:///{path.name}, after a copy of the file was made"
        return problem(f"{path.name} has the schema {found}, MLflow wants {wanted}", mend)
    return ok(f"{path.name} can be written to; schema {found}")


def _moved(project: Project) -> Finding | None:
    """A problem if the project's own store keeps its artifacts in another directory."""
    path = _root(project) / "mlflow.db"
    if os.environ.get("MLFLOW_TRACKING_URI") or project.params is None or not path.exists():
        return None
    query = "SELECT artifact_location FROM experiments WHERE name = ?"
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            rows = connection.execute(query, (project.params.tracking.experiment,)).fetchall()
    except sqlite3.DatabaseError:
        return problem(f"{path.name} is no MLflow store, or an unfinished one", _renewed(path))
    if not rows or rows[0][0] == tracking.artifacts_uri(_root(project)):
        return None
    said = f"{path.name} was made in another directory, where its artifacts would go"
    return problem(said, _renewed(path))


def _renewed(path: Path) -> str:
    return f"move {path.name} away, then: python -m pipeline sync"


def _server(parts: urllib.parse.SplitResult) -> Finding:
    """Ask a server whether it is well; neither its path nor a password in it is shown."""
    shown = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    address = urllib.parse.urlunsplit(
        (parts.scheme, shown.partition("//")[2], f"{parts.path.rstrip('/')}/health", "", "")
    )
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS):
            return ok(f"{shown} answers")
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return ok(f"{shown} answers, and asks who you are")
        return warning(
            f"{shown} answers with {error.code}", f"look whether it is MLflow's; {_UNSET}"
        )
    except (OSError, ValueError):
        return problem(f"{shown} does not answer", f"start it, correct the address, or {_UNSET}")
