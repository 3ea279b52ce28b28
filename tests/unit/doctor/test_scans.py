"""The user's scans, each in one of the states that stop a run."""

from __future__ import annotations

import subprocess

import pytest

from pipeline.doctor import scans
from pipeline.doctor.finding import Project

NAME = "DOE^JANE.png"


@pytest.fixture
def folder(change):
    """The project with an image folder at data/raw."""
    return change(("source: phantom", "source: image_folder"))


def test_the_phantom_needs_none(project):
    """Neither presence nor git are asked."""
    assert scans.presence(project).state == scans.out_of_git(project).state == "ok"


def test_an_empty_directory_is_a_problem(root, folder):
    """A note on how to use it is no scan."""
    (root / "data/raw/README.md").write_text("Put your scans here.")
    found = scans.presence(folder)
    assert found.state == "problem" and "--data-path" in found.mend


def test_a_path_that_is_not_there_is_a_problem(change):
    """Unless ingest is asked to fetch the scans."""
    gone = ("path: data/raw ", "path: data/gone ")
    assert scans.presence(change(("source: phantom", "source: medmnist"), gone)).state == "problem"
    fetched = change(("options: {}\n\nsplit", "options: {download: true}\n\nsplit"))
    assert scans.presence(fetched).state == "ok"


def test_files_are_counted_and_not_named(root, folder):
    """A file's name may be a patient's."""
    (root / "data/raw" / NAME).write_bytes(b"x")
    found = scans.presence(folder)
    assert found.state == "ok" and found.said.startswith("1 files") and NAME not in found.said


def test_files_that_may_not_be_read_are_a_problem(root, folder, monkeypatch):
    """Their share is told."""
    (root / "data/raw" / NAME).write_bytes(b"x")
    monkeypatch.setattr(scans.os, "access", lambda *_: False)
    found = scans.presence(folder)
    assert found.state == "problem" and found.said.startswith("1 of 1") and NAME not in found.said


def test_another_path_than_in_the_last_run_is_said(root, project):
    """DVC knows a path from its lock file."""
    assert scans.known_to_dvc(project).state == "warning"
    entry = "{cmd: x, deps: [{path: data/raw, md5: abc}], params: {}, outs: []}"
    (root / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n  ingest: {entry}\n")
    assert scans.known_to_dvc(project).state == "ok"


def test_scans_that_git_would_commit_are_a_problem(root, folder):
    """As long as .gitignore covers them all is well; and once they are in, too late is said."""
    (root / "data/raw" / NAME).write_bytes(b"x")
    assert scans.out_of_git(folder).state == "ok"
    (root / ".gitignore").write_text("")
    found = scans.out_of_git(folder)
    assert found.state == "problem" and found.mend == "add /data/raw/ to .gitignore"
    subprocess.run(["git", "add", "data/raw"], cwd=root, check=True)
    assert "git holds" in scans.out_of_git(folder).said
    assert NAME not in scans.out_of_git(folder).said


def test_without_parameters_nothing_is_claimed(tmp_path):
    """All three wait for params.yaml."""
    for check in (scans.presence, scans.known_to_dvc, scans.out_of_git):
        assert check(Project.at(tmp_path)).state == "warning"
