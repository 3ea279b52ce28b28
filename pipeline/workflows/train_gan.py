"""The stage train_gan: one family's models, for every fold and GAN seed.

A model is trained on the classically augmented training rows of its fold and on nothing else; its
validation rows only score it, which chooses the step whose weights are kept. Its half-done work
lies outside DVC's outs, under a key of everything that its weights depend on, so that a killed run
continues where it was; what is published into models/ is the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline import tracking
from pipeline.compute import (
    Machine,
    Report,
    choose_device,
    locked,
    parallel_map,
    program_hashes,
    resume_directory,
)
from pipeline.config import Params
from pipeline.errors import DataError
from pipeline.gan.naming import file_name
from pipeline.imageset import ImageSet
from pipeline.registry import FAMILIES
from pipeline.splits import Splits, fold_name

if TYPE_CHECKING:
    from pipeline.gan.family import TrainingOptions
    from pipeline.gan.rows import Rows
    from pipeline.gan.training import Trained

# Points of a curve that a plot of all models shows; the models' own histories hold them all.
_DRAWN = 200


@dataclass(frozen=True)
class ModelJob:
    """One model to train.

    Args:
        root: The project's root.
        family: Its registry name.
        options: The family's.
        repeat: The fold's repeat.
        fold: The fold.
        gan_seed: Which of the models that differ by chance alone.
        label: The one class that the model learns, or None for all of them.
        seed: The root seed.
    """

    root: Path
    family: str
    options: TrainingOptions
    repeat: int
    fold: int
    gan_seed: int
    label: str | None
    seed: int

    @property
    def model(self) -> str:
        """The model's directory below models/<family>."""
        return fold_name(self.repeat, self.fold, self.gan_seed)

    @property
    def name(self) -> str:
        """For progress, figures and the names of random numbers."""
        return f"{self.family}/{self.model}/{file_name(self.label)}"

    @property
    def path(self) -> Path:
        """The weights' file."""
        directory = self.root / "models" / self.family / self.model
        return directory / f"{file_name(self.label)}.safetensors"


def run(params: Params, root: Path, family: str, tracker: tracking.Run) -> None:
    """Write models/<family>/r0f0g0/ with weights, histories and previews, and all curves in one.

    Raises:
        DataError: If a fold has no training image of some class.
        LeakError: If a training set holds what is not a train row.
        ParameterError: If an option is wrong or a training diverges.
    """
    jobs = model_jobs(params, root, family)
    compute = params.compute
    machine = Machine(
        choose_device(compute.device), compute.threads, compute.workers, compute.precision
    )
    shutil.rmtree(root / "models" / family, ignore_errors=True)
    tracker.parameters({family: jobs[0].options.model_dump(mode="json")})
    halves = parallel_map(
        train_model,
        jobs,
        machine,
        names=[job.name for job in jobs],
        total=sum(job.options.steps for job in jobs),
        description=f"train_gan {family}",
        listener=tracker.listen,
    )
    for job in jobs:
        tracker.artifact(job.path.parent / "previews", f"previews/{job.model}")
    curves = root / "plots/train_gan" / f"{family}.csv"
    curves.parent.mkdir(parents=True, exist_ok=True)
    _curves(jobs).to_csv(curves, index=False, lineterminator="\n")
    # Only now is none of it needed again: models/ is complete.
    for directory in halves:
        shutil.rmtree(directory, ignore_errors=True)


def _curves(jobs: Sequence[ModelJob]) -> pd.DataFrame:
    """The training histories of all models below one another, thinned, for `dvc plots`."""
    tables = []
    for job in jobs:
        label = file_name(job.label)
        history = pd.read_csv(job.path.parent / f"history_{label}.csv")
        rows = np.linspace(0, len(history) - 1, min(_DRAWN, len(history))).astype(int)
        table = history.iloc[rows]
        table.insert(0, "fold", job.model)
        table.insert(1, "model", label)
        tables.append(table)
    return pd.concat(tables)


def model_jobs(params: Params, root: Path, family: str) -> list[ModelJob]:
    """List the models to train: folds x GAN seeds x (classes, or all of them in one)."""
    from pipeline.gan import fitting

    kind = FAMILIES.load(family, "train_gan.families")
    values = params.train_gan.options.get(family, {})
    options = fitting.options_for(family, values, params.augment)
    jobs = []
    for repeat, fold in Splits.open(root / "data/splits.csv").folds():
        labels = [None] if kind.conditional else _training_set(root, repeat, fold).meta.classes
        for gan_seed in range(params.train_gan.gan_seeds):
            jobs += [
                ModelJob(root, family, options, repeat, fold, gan_seed, label, params.seed)
                for label in labels
            ]
    return jobs


def train_model(job: ModelJob, machine: Machine, report: Report) -> Path:
    """Train one model and publish it; returns the directory of its half-done work.

    The same job may be wanted by two runs at once (`dvc exp run --temp`): the second waits, and
    then finds the first one's work.
    """
    from pipeline.gan import fitting

    plan = fitting.Plan(job.family, job.options, job.label, job.name, job.seed)
    training, validation = _parts(job)
    rows = fitting.rows_of(plan, training, machine)
    directory = resume_directory(
        "train_gan", job.family, _key(job, [rows.images, validation], machine)
    )
    with locked(directory):
        trained = fitting.fit(plan, rows, training, validation, machine, directory, report)
        _publish(job, trained, rows, directory)
    return directory


def _training_set(root: Path, repeat: int, fold: int) -> ImageSet:
    return ImageSet.open(root / "data/augmented" / fold_name(repeat, fold))


def _parts(job: ModelJob) -> tuple[ImageSet, ImageSet]:
    """A fold's training set and its validation rows, checked against splits.csv."""
    training = _training_set(job.root, job.repeat, job.fold)
    splits = Splits.open(job.root / "data/splits.csv")
    splits.check_training(training, job.repeat, job.fold)
    for label in training.meta.classes:
        if not training.manifest["label"].eq(label).any():
            raise DataError(
                training.root,
                f"has no training image of the class {label!r}, which a GAN could learn from; "
                "use fewer split.folds, or take the class out",
            )
    images = ImageSet.open(job.root / "data/images")
    return training, splits.select(images, job.repeat, job.fold, "val")


def _key(job: ModelJob, seen: Sequence[ImageSet], machine: Machine) -> str:
    """A hash of everything that the weights depend on, the program included."""
    import torch

    from pipeline import augment, classifier, fidelity, gan

    manifest = pd.concat([part.manifest.drop(columns="selection_score") for part in seen])
    parts: dict[str, Any] = {
        "job": [job.name, job.seed, job.options.model_dump(mode="json")],
        "machine": [machine.device, machine.threads, machine.precision, torch.__version__],
        "window": seen[0].meta.window,
        "images": hashlib.sha256(manifest.to_csv(index=False).encode()).hexdigest(),
        "program": program_hashes(augment, classifier, fidelity, gan),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _publish(job: ModelJob, trained: Trained, rows: Rows, directory: Path) -> None:
    """Write what DVC keeps: equal trainings give equal bytes."""
    from pipeline.gan import checkpoints
    from pipeline.gan.history import write_findings, write_rows

    name = file_name(job.label)
    facts = {
        "classes": list(rows.made),
        "diet": rows.diet.facts,
        "step": trained.step,
        "score": trained.score,
    }
    checkpoints.save_model(job.path, trained.family, job.family, rows.shape, facts)
    write_rows(job.path.with_name(f"history_{name}.csv"), trained.history.rows)
    write_findings(job.path.with_name(f"findings_{name}.csv"), trained.history.findings)
    published = job.path.parent / "previews"
    published.mkdir(exist_ok=True)
    for grid in sorted(directory.glob("*.png")):
        shutil.copyfile(grid, published / grid.name)
