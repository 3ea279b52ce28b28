"""`dvc repro` from a clone: every stage runs once, a change reruns what it changes, MLflow follows.

The tests share one clone and go on from each other's state, in the order of this file.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
GAN = {"steps": 4, "batch": 4, "ngf": 4, "ndf": 4, "widest": 8, "latent": 4}
TINY = {
    "compute": {"workers": 1},
    "ingest": {
        "size": [16, 16],
        "options": {
            "lesions": {"cyst": 16, "metastasis": 16, "haemangioma": 16},
            "patients": 24,
        },
    },
    "split": {"folds": 2},
    "augment": {"copies": 1},
    "train_gan": {"families": ["conditional"], "options": {"conditional": GAN}},
    "synthesize": {"per_class": 12},
    "assess": {"embedding_steps": 3, "floor_repeats": 2},
    "classify": {"seeds": 1, "steps": 4, "batch": 8, "evaluate_every": 2},
    "compare": {"bootstrap": 50},
}
ARMS = {
    "classical": {"recipe": "classical", "images": "data/augmented"},
    "classical+synthetic": {
        "recipe": "classical_synthetic",
        "images": "data/synthetic/conditional",
    },
}
LIKE_MLFLOW = "select count(*) from runs"


class Clone:
    """A clone of the project with tiny parameters."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *command: str) -> str:
        """Run a command in the clone; returns what it said."""
        binaries = Path(sys.executable).parent
        environment = dict(os.environ, PATH=f"{binaries}{os.pathsep}{os.environ['PATH']}")
        for name in ("DVC_ROOT", "DVC_STAGE", "MLFLOW_TRACKING_URI", "PYTHONPATH"):
            environment.pop(name, None)
        result = subprocess.run(
            command, cwd=self.path, env=environment, capture_output=True, text=True, check=False
        )
        said = result.stdout + result.stderr
        assert result.returncode == 0, said[-4000:]
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


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The project's files as they are in the working tree, in a repository of their own."""
    path = tmp_path_factory.mktemp("clone") / "project"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and name != "dvc.lock":
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    made = Clone(path)
    made.run("git", "init", "-q")
    made.run("git", "config", "user.name", "Test")
    made.run("git", "config", "user.email", "test@example.org")
    made.change(**TINY)
    made.change(classify={"arms": ARMS})
    made.run("git", "add", ".")
    made.run("git", "commit", "-q", "-m", "Tiny parameters")
    return made


@pytest.mark.slow
class TestRepro:
    """The whole way."""

    def test_everything_runs_once(self, clone):
        """All ten stages, and the files that people look at are there."""
        ran = clone.repro()
        assert [name.partition("@")[0] for name in ran] == [
            "ingest", "split", "augment", "train_gan", "synthesize", "assess",
            "classify", "classify", "compare", "export", "report",
        ]  # fmt: skip
        for name in ("metrics/comparison.json", "report/index.html", "data/quarantine.csv"):
            assert (clone.path / name).exists()
        assert clone.run("git", "status", "--short").split() == ["??", "dvc.lock"]
        assert "What each classifier was trained on" in clone.run(
            sys.executable, "-m", "pipeline", "verdict"
        )

    def test_a_second_time_nothing_runs(self, clone):
        """Every stage is what it was."""
        assert clone.repro() == []

    def test_outputs_are_links_and_not_copies(self, clone):
        """The cache does not double the disk."""
        assert (clone.path / "data/images/images.npy").stat().st_nlink > 1

    def test_mlflow_is_brought_up_to_date_once(self, clone):
        """Sync adds the short stages; a second sync adds nothing."""
        first = clone.run(sys.executable, "-m", "pipeline", "sync")
        assert "7 stage runs and 0 classifier runs added, 4 stage runs were there" in first
        ((before,),) = clone.query(LIKE_MLFLOW)
        again = clone.run(sys.executable, "-m", "pipeline", "sync")
        assert "0 stage runs and 0 classifier runs added, 11 stage runs were there" in again
        assert clone.query(LIKE_MLFLOW) == [(before,)]

    def test_the_comparison_has_a_child_for_each_classifier(self, clone):
        """2 arms x 2 folds x 1 seed, told apart by the tag `augmentation`."""
        found = clone.query(
            "select a.value, count(*) from tags a join tags p on a.run_uuid = p.run_uuid "
            "where a.key = 'augmentation' and p.key = 'mlflow.parentRunId' group by a.value"
        )
        assert sorted(found) == [("classical", 2), ("classical+synthetic", 2)]

    def test_a_parameter_of_classify_leaves_the_rest_cached(self, clone):
        """Ingest to assess stay as they are."""
        clone.change(classify={"steps": 6})
        ran = {name.partition("@")[0] for name in clone.repro()}
        assert {"classify"} <= ran <= {"classify", "compare", "report"}

    def test_what_was_cached_is_found_in_mlflow_again(self, clone):
        """Back at the first parameters nothing trains, and sync knows every stage."""
        clone.change(classify={"steps": 4})
        clone.repro()
        before = clone.query(LIKE_MLFLOW)
        clone.run(sys.executable, "-m", "pipeline", "sync")
        clone.run(sys.executable, "-m", "pipeline", "sync")
        after = clone.query(LIKE_MLFLOW)
        # The page lists all parameters, so that its stage alone may have run anew.
        assert after[0][0] - before[0][0] <= 1

    def test_one_more_arm_runs_alone(self, clone):
        """Then comparison and page."""
        real = {"recipe": "real", "images": "data/augmented"}
        clone.change(classify={"arms": {**ARMS, "real": real}})
        assert clone.repro() == ["classify@real", "compare", "report"]

    def test_an_option_of_a_family_retrains_that_family(self, clone):
        """And nothing before it; arms without its images stay."""
        clone.run("git", "add", ".")
        clone.run("git", "commit", "-q", "-m", "Another arm")
        status = clone.run("dvc", "status")
        assert "up to date" in status
        clone.change(train_gan={"options": {"conditional": {**GAN, "steps": 5}}})
        changed = clone.run("dvc", "status")
        assert "train_gan@conditional" in changed
        assert not re.search(r"^(ingest|split|augment|classify@\w+):", changed, re.MULTILINE)
        clone.run("git", "checkout", "-q", "params.yaml")

    def test_an_experiment_elsewhere_logs_to_the_same_store(self, clone):
        """`--temp` works in a throw-away workspace; its runs are here all the same."""
        before = clone.query(LIKE_MLFLOW)
        clone.run("dvc", "exp", "run", "--temp", "-S", "compare.bootstrap=40", "-n", "other")
        assert clone.query(LIKE_MLFLOW)[0][0] > before[0][0]
        names = clone.query("select distinct value from tags where key = 'DVC_EXP_NAME'")
        assert ("other",) in names
        assert not list((clone.path / ".dvc/tmp").rglob("mlflow.db"))
