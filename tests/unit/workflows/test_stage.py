"""A stage script ends in one sentence when the user has something to mend."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.workflows import stage

ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A directory with parameters, worked in, and a bare command line."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stage"])
    return tmp_path


def test_a_workflow_gets_parameters_root_and_tracker(project):
    """The root is relative, so that no message holds where the project lies."""
    seen = []
    stage.main("Test.", lambda params, root, tracker: seen.append((params.seed, root)))
    assert seen == [(2026, Path())]


def test_a_named_workflow_gets_its_name(project, monkeypatch):
    """From the command line."""
    monkeypatch.setattr(sys, "argv", ["stage", "classical+synthetic"])
    seen = []
    stage.main_named("Test.", "arm", lambda params, root, name, tracker: seen.append(name))
    assert seen == ["classical+synthetic"]


def test_a_mistake_of_the_user_is_a_sentence(project):
    """No traceback, and an exit status that stops DVC."""

    def fail(params, root, tracker):
        raise DataError("data/images", "is empty; add scans")

    with pytest.raises(SystemExit) as caught:
        stage.main("Test.", fail)
    assert caught.value.code == "Error: data/images: is empty; add scans"


def test_a_defect_of_the_program_keeps_its_traceback(project):
    """It is not for the user to mend."""

    def fail(params, root, tracker):
        raise RuntimeError("defect")

    with pytest.raises(RuntimeError, match="defect"):
        stage.main("Test.", fail)


def test_a_long_stage_checks_the_parameters_of_all_stages(project, monkeypatch):
    """A training does not run for an hour before an arm's misspelt recipe shows."""
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("{recipe: real,", "{recipe: rael,"))
    monkeypatch.setattr(sys, "argv", ["stage", "dcgan"])
    with pytest.raises(SystemExit, match="got 'rael'; choose one of"):
        stage.main_named("Test.", "family", lambda *given: pytest.fail("ran"))
