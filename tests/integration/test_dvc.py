"""`dvc repro` from a clone: every stage runs once, a change reruns what it changes, MLflow follows.

The tests share one clone and go on from each other's state, in the order of this file.
"""

from __future__ import annotations

import re
import sys

import pytest

from tests import tiny_clone
from tests.tiny_clone import ARMS, GAN

INGEST = {
    "size": [16, 16],
    "options": {
        "lesions": {"cyst": 16, "metastasis": 16, "haemangioma": 16},
        "patients": 24,
    },
}
LIKE_MLFLOW = "select count(*) from runs"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone whose scans are the phantom's."""
    return tiny_clone.make(tmp_path_factory.mktemp("clone") / "project", ingest=INGEST)


@pytest.mark.slow
class TestRepro:
    """The whole way."""

    def test_everything_runs_once(self, clone):
        """All eleven stages, and the files that people look at are there."""
        ran = clone.repro()
        assert [name.partition("@")[0] for name in ran] == [
            "ingest", "split", "augment", "train_gan", "synthesize", "assess",
            "classify", "classify", "curves", "compare", "export", "report",
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
        assert "7 stage runs and 0 classifier runs added, 5 stage runs were there" in first
        ((before,),) = clone.query(LIKE_MLFLOW)
        again = clone.run(sys.executable, "-m", "pipeline", "sync")
        assert "0 stage runs and 0 classifier runs added, 12 stage runs were there" in again
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
        assert {"classify", "curves"} <= ran <= {"classify", "curves", "compare", "report"}

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
