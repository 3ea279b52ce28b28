"""git, in each state."""

from __future__ import annotations

import subprocess

from pipeline.doctor import repository
from pipeline.doctor.finding import Project


def test_a_clean_clone_is_well(project):
    """The commit is named."""
    found = repository.commit(project)
    assert found.state == "ok" and found.said.startswith("at ")


def test_changes_are_counted(root, project):
    """A file changed, a file added."""
    (root / "params.yaml").write_text("seed: 1\n")
    (root / "new").write_text("x")
    found = repository.commit(project)
    assert found.state == "warning" and found.said.startswith("2 files changed")


def test_no_repository_and_no_commit_are_said(tmp_path, monkeypatch):
    """First a directory, then a repository without a commit."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert repository.commit(Project.at(tmp_path)).state == "problem"
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert repository.commit(Project.at(tmp_path)).state == "warning"


def test_no_git_is_a_problem(project, monkeypatch, tmp_path):
    """With nothing on the path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    found = repository.commit(project)
    assert found.state == "problem" and "not installed" in found.said
