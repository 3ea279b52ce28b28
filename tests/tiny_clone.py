"""A clone of the project with parameters so small that `dvc repro` takes seconds a stage."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
GAN = {"steps": 4, "batch": 4, "ngf": 4, "ndf": 4, "widest": 8, "latent": 4}
ARMS = {
    "classical": {"recipe": "classical", "images": "data/augmented"},
    "classical+synthetic": {
        "recipe": "classical_synthetic",
        "images": "data/synthetic/conditional",
    },
}
TINY = {
    "compute": {"workers": 1},
    "split": {"folds": 2},
    "augment": {"copies": 1},
    "train_gan": {"families": ["conditional"], "options": {"conditional": GAN}},
    "synthesize": {"per_class": 12},
    "assess": {"embedding_steps": 3, "floor_repeats": 2},
    "classify": {"seeds": 1, "steps": 4, "batch": 8, "evaluate_every": 2, "arms": ARMS},
    "curves": {"classical": [0, 8], "synthetic": [6], "families": ["conditional"]},
    "compare": {"bootstrap": 50},
}


class Clone:
    """The project's files in a repository of their own.

    Args:
        path: Its root.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *command: str, status: int = 0) -> str:
        """Run a command in the clone, which must end with `status`; returns what it said."""
        binaries = Path(sys.executable).parent
        environment = dict(os.environ, PATH=f"{binaries}{os.pathsep}{os.environ['PATH']}")
        for name in ("DVC_ROOT", "DVC_STAGE", "MLFLOW_TRACKING_URI", "PYTHONPATH"):
            environment.pop(name, None)
        result = subprocess.run(
            command, cwd=self.path, env=environment, capture_output=True, text=True, check=False
        )
        said = result.stdout + result.stderr
        assert result.returncode == status, said[-4000:]
        return said

    def repro(self, *more: str) -> list[str]:
        """Run `dvc repro`; returns the stages that ran, in order."""
        return re.findall(r"Running stage '(.+?)'", self.run("dvc", "repro", *more))

    def change(self, **sections) -> None:
        """Change parameters; arms are replaced whole."""
        path = self.path / "params.yaml"
        yaml = YAML()
        values = yaml.load(path)
        for name, section in sections.items():
            values[name].update(section)
        yaml.dump(values, path)

    def query(self, text: str) -> list[tuple]:
        """Ask the clone's MLflow store."""
        with sqlite3.connect(self.path / "mlflow.db") as connection:
            return connection.execute(text).fetchall()


def make(path: Path, **sections) -> Clone:
    """Copy the project as it is in the working tree, and commit it with tiny parameters.

    Args:
        path: The clone's root, which does not exist yet.
        sections: What else to change in params.yaml.
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and name != "dvc.lock":
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    clone = Clone(path)
    clone.run("git", "init", "-q")
    clone.run("git", "config", "user.name", "Test")
    clone.run("git", "config", "user.email", "test@example.org")
    clone.change(**TINY)
    clone.change(**sections)
    clone.run("git", "add", ".")
    clone.run("git", "commit", "-q", "-m", "Tiny parameters")
    return clone
