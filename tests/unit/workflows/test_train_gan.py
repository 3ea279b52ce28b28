"""The stage train_gan: what it writes, what it refuses, and that a kill costs nothing."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from pipeline import tensorfile
from pipeline.errors import DataError, LeakError, ParameterError
from pipeline.gan import fitting
from pipeline.gan.checkpoints import load_model
from pipeline.gan.naming import file_name
from pipeline.tracking import NullRun
from pipeline.workflows import train_gan
from tests import tiny_project

REPOSITORY = Path(__file__).parents[3]
SCRIPT = """
import sys, time
from pathlib import Path
from pipeline.gan import training
from pipeline.tracking import NullRun
from pipeline.workflows import train_gan
from tests import tiny_project
training.CHECKPOINT_SECONDS = 0.0
if __name__ == "__main__":
    train_gan.run(tiny_project.params(steps=60), Path(sys.argv[1]), "conditional", NullRun())
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project that keeps its half-done work to itself."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    tiny_project.make(tmp_path)
    return tmp_path


def hashes(directory):
    """Path below a directory -> hash of the content."""
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def train(root, family="conditional", **changes):
    """Run the stage and return hashes of what it wrote."""
    train_gan.run(tiny_project.params(**changes), root, family, NullRun())
    return hashes(root / "models" / family)


def test_a_conditional_family_makes_one_model(root):
    """Weights, history, findings, previews over time and of them; nothing half done is left."""
    written = train(root)
    over_time = {f"-00000{step}" for step in (2, 4, 6, 8)}
    previews = {f"r0f0g0/previews/all{each}.png" for each in over_time | {"", "-walk"}}
    tables = {"r0f0g0/history_all.csv", "r0f0g0/findings_all.csv"}
    assert set(written) == previews | tables | {"r0f0g0/all.safetensors"}
    assert not list((root / ".resume").rglob("*.safetensors"))
    history = pd.read_csv(root / "models/conditional/r0f0g0/history_all.csv")
    assert history["step"].tolist() == list(range(1, 9))
    assert history[["loss_generator", "d_real", "d_fake"]].notna().all(axis=None)


def test_other_families_make_a_model_a_class(root):
    """Each on its class alone, under a name that any file system takes."""
    train(root, "dcgan", gan_seeds=2)
    files = sorted((root / "models/dcgan/r0f0g1").glob("*.safetensors"))
    assert [path.stem for path in files] == [file_name(name) for name in tiny_project.CLASSES]
    assert [load_model(path)[1]["classes"] for path in files] == [[n] for n in tiny_project.CLASSES]
    curves = pd.read_csv(root / "plots/train_gan/dcgan.csv")
    assert curves.groupby(["fold", "model"], sort=False)["step"].apply(list).to_dict() == {
        (fold, file_name(name)): list(range(1, 9))
        for fold in ("r0f0g0", "r0f0g1")
        for name in tiny_project.CLASSES
    }


def test_a_family_never_sees_the_other_classes(root, monkeypatch):
    """What a model is fitted to is its class; without copies, the real images of it."""
    seen: list[pd.DataFrame] = []
    whole = fitting.fit

    def fit(plan, rows, *others):
        seen.append(rows.images.manifest)
        return whole(plan, rows, *others)

    monkeypatch.setattr(fitting, "fit", fit)
    train(root, "dcgan", copies=True)
    assert [set(each["label"]) for each in seen] == [{label} for label in tiny_project.CLASSES]
    assert {origin for each in seen for origin in each["origin"]} == {"real", "classical"}
    train(root, "dcgan", copies=False)
    assert {origin for each in seen[2:] for origin in each["origin"]} == {"real"}


def test_the_preview_that_is_kept_is_of_the_weights_that_are_kept(root):
    """The grid without a step in its name is that of the best-scored step."""
    written = train(root, examinations=4)
    step = load_model(root / "models/conditional/r0f0g0/all.safetensors")[1]["step"]
    previews = "r0f0g0/previews/all"
    assert written[f"{previews}.png"] == written[f"{previews}-{step:06d}.png"]


def test_figures_of_examinations_reach_the_tracker(root):
    """Under the model's name, at their steps, beside losses and gradients."""
    heard = {}

    class Listening(NullRun):
        def listen(self, job, figures, at):
            heard[at] = {"job": job, **figures}

    params = tiny_project.params(examinations=2)
    train_gan.run(params, root, "conditional", Listening())
    examined = {"score", "diversity_0", "diversity_1", "d_train", "d_validation", "d_memory"}
    assert set(heard) == set(range(1, 9))
    assert {at for at, figures in heard.items() if examined <= set(figures)} == {4, 8}
    assert {"loss_generator", "d_accuracy", "gradient_generator"} <= set(heard[1])
    assert heard[8]["job"] == "conditional/r0f0g0/all"


def test_two_trainings_give_the_same_bytes(root):
    """Weights, tables and pictures; and workers change nothing."""
    assert train(root, "dcgan") == train(root, "dcgan", workers=2)


def test_seeds_give_different_models(root):
    """GAN seeds differ in weights."""
    written = train(root, gan_seeds=2)
    assert written["r0f0g0/all.safetensors"] != written["r0f0g1/all.safetensors"]


def test_killed_and_run_again_gives_the_same_bytes(root, tmp_path_factory):
    """`kill -9` in the middle of training, then again: as if nothing had happened."""
    script = tmp_path_factory.mktemp("script") / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(root)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    previews = root / ".resume/train_gan/conditional"
    deadline = time.monotonic() + 120
    while not list(previews.glob("*/all-000015.png")):
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline, "never reached its first preview"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (root / "models/conditional/r0f0g0/all.safetensors").exists()
    (checkpoint,) = previews.rglob("training.safetensors")
    assert 0 < tensorfile.load(checkpoint, stage="train_gan")[1]["step"] < 60
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    resumed = hashes(root / "models/conditional")
    assert resumed == train(root, steps=60)


def test_a_finished_job_is_not_trained_again(root, monkeypatch):
    """A stage killed after its first model publishes that model without training it."""
    (first, second) = train_gan.model_jobs(tiny_project.params(), root, "dcgan")
    from pipeline.compute import Machine
    from pipeline.gan import training

    steps: list[int] = []
    train_gan.train_model(first, Machine(), lambda *report: None)
    monkeypatch.setattr(training._Training, "_round", lambda self: steps.append(self._step))
    train_gan.train_model(first, Machine(), lambda *report: None)
    assert steps == []
    train_gan.train_model(second, Machine(), lambda *report: None)
    assert len(steps) == 8


def test_refuses_what_is_not_a_train_row(root):
    """A test row planted among the training rows stops the stage."""
    path = root / "data/augmented/r0f0/manifest.csv"
    path.write_text(path.read_text().replace("i00007,", "i00099,"))
    with pytest.raises(LeakError, match="i00099"):
        train(root)


def test_refuses_a_fold_without_a_class(root):
    """Nothing can be learnt from no image."""
    path = root / "data/augmented/r0f0/manifest.csv"
    path.write_text(path.read_text().replace(tiny_project.CLASSES[1], tiny_project.CLASSES[0]))
    with pytest.raises(DataError, match="has no training image of the class 'malign / grade: 3'"):
        train(root)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augmentation": ["blur"]}, "augmentation: got .'blur'.*choose one of brightness"),
        ({"loss": "hing"}, "train_gan.options.conditional.loss"),
        ({"learning_rates": {"critic": 1.0}}, "critic: is no network of this family"),
    ],
)
def test_refuses_wrong_options(root, options, message):
    """In one sentence that names the parameter."""
    with pytest.raises(ParameterError, match=message):
        train(root, **options)
