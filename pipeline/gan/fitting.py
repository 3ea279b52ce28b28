"""From a fold's rows to a trained model: what puts family, diet, examiner and previews together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import seeding
from pipeline.compute import Machine, Report
from pipeline.config import Augment, options_of
from pipeline.gan import previews
from pipeline.gan.examination import Examiner, Kind
from pipeline.gan.family import Family, Prepares, TrainingOptions
from pipeline.gan.naming import file_name
from pipeline.gan.rows import Rows
from pipeline.gan.training import Session, Trained, train
from pipeline.imageset import ImageSet
from pipeline.registry import FAMILIES, FEATURES

_FEATURES = "texture"
_PREVIEWED = 12
_QUARTER_TURN = 90.0


@dataclass(frozen=True)
class Plan:
    """Which model to train.

    Args:
        family: Its registry name.
        options: The family's.
        label: The one class that the model makes, or None for all of them.
        name: For messages and the names of random numbers, e.g. `dcgan/r0f0g0/cyst`.
        seed: The root seed.
    """

    family: str
    options: TrainingOptions
    label: str | None
    name: str
    seed: int


def options_for(family: str, values: Mapping[str, Any], augment: Augment) -> TrainingOptions:
    """Read a family's options; `mirror` and `turn` become what the section `augment` allows.

    A scan that may not be flipped upside down by the classical augmentation is not to be learnt
    upside down either, nor turned where it may be turned by less than 90 degrees.

    Raises:
        ParameterError: If an option is unknown or out of bounds.
    """
    options: TrainingOptions = options_of(FAMILIES, family, values, f"train_gan.options.{family}")
    degrees = augment.rotation_degrees
    least = min(degrees) if isinstance(degrees, tuple) else degrees
    mirror = augment.flip if options.mirror is True else options.mirror
    return options.model_copy(
        update={"mirror": mirror, "turn": options.turn and least >= _QUARTER_TURN}
    )


def rows_of(plan: Plan, training: ImageSet, machine: Machine) -> Rows:
    """The rows that the model sees, out of a fold's classically augmented training set."""
    return Rows.of(training, FAMILIES.load(plan.family), plan.options, plan.label, machine.device)


def fit(
    plan: Plan,
    rows: Rows,
    training: ImageSet,
    validation: ImageSet,
    machine: Machine,
    directory: Path,
    report: Report,
) -> Trained:
    """Train a model, from where it was left if it was interrupted.

    Args:
        plan: Which model.
        rows: Those that it sees.
        training: The fold's classically augmented training set, for real rows beside samples.
        validation: The fold's validation rows; they choose the step whose weights are kept.
        machine: Device, precision, threads.
        directory: For half-done work and previews (`<class>-<step>.png`, and of the weights that
            are kept `<class>.png` and `<class>-walk.png`); nobody else may use it.
        report: Hears every step.

    Raises:
        ParameterError: If an option is wrong or the training diverges.
    """
    seeding.seed_initialisation(plan.seed, plan.name, "networks")
    family: Family = FAMILIES.load(plan.family)(rows.shape, plan.options)
    if isinstance(family, Prepares):
        family.prepare(rows.images, seeding.numpy_rng(plan.seed, plan.name, "prepare"))
    examiner = _examiner(plan, rows, training, validation, machine)
    session = Session(
        name=plan.name,
        place=f"train_gan.options.{plan.family}",
        seed=plan.seed,
        machine=machine,
        directory=directory,
        report=report,
        preview=_previewer(plan, rows, examiner.kinds, machine, directory),
        examine=examiner,
    )
    return train(family, rows.diet, session)


def _examiner(
    plan: Plan, rows: Rows, training: ImageSet, validation: ImageSet, machine: Machine
) -> Examiner:
    """Make what scores the model on validation rows, in features that cost no training."""
    real = training.take(training.manifest["origin"].eq("real").to_numpy(bool))
    kinds = [
        Kind(
            index,
            real.take(real.manifest["label"].eq(label).to_numpy(bool)),
            validation.take(validation.manifest["label"].eq(label).to_numpy(bool)),
        )
        for label, index in rows.made.items()
    ]
    embed = FEATURES.load(_FEATURES).fit(real).of_pixels
    seed = seeding.derive(plan.seed, "train_gan", "examine")
    return Examiner(kinds, rows.diet, embed, machine, seed)


def _previewer(
    plan: Plan, rows: Rows, kinds: Sequence[Kind], machine: Machine, directory: Path
) -> Callable[[int | None, Family], None]:
    """Make what draws a grid: for each class generated images from fixed seeds, then real ones."""
    seeds = [seeding.derive(plan.seed, "preview", number) for number in range(_PREVIEWED)]
    name = file_name(plan.label)

    def preview(step: int | None, family: Family) -> None:
        grid = []
        for kind in kinds:
            grid += previews.made(family, rows.diet, kind.label, seeds, machine)
            grid.append(kind.train.take(np.arange(min(_PREVIEWED, len(kind.train)))).scaled())
        if step is not None:
            previews.save_grid(directory / f"{name}-{step:06d}.png", grid)
            return
        previews.save_grid(directory / f"{name}.png", grid)
        walks = [previews.walk(family, rows.diet, kind.label, seeds, machine) for kind in kinds]
        if drawn := [walk for walk in walks if walk is not None]:
            previews.save_grid(directory / f"{name}-walk.png", drawn)

    return preview
