"""A project in which every check of the project's files is content."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.doctor.finding import Project

ROOT = Path(__file__).parents[3]
COPIED = ("params.yaml", "pyproject.toml", "dvc.yaml", "requirements.lock", ".gitignore")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The project's settings, presets and scans in a repository of their own."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    root = tmp_path / "project"
    (root / ".dvc/tmp").mkdir(parents=True)
    (root / "data/raw").mkdir(parents=True)
    for name in COPIED:
        shutil.copy(ROOT / name, root / name)
    shutil.copy(ROOT / ".dvc/config", root / ".dvc/config")
    shutil.copytree(ROOT / "presets", root / "presets")
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    for command in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "Start")):
        subprocess.run(("git", *command), cwd=root, check=True)
    return root


@pytest.fixture
def change(root):
    """Replaces text in params.yaml and reads the project anew."""

    def changed(*pairs):
        path = root / "params.yaml"
        text = path.read_text()
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new, 1)
        path.write_text(text)
        return Project.at(root)

    return changed


@pytest.fixture
def project(root):
    """The project as it is."""
    return Project.at(root)
