"""Find and open what the stage train_gan has left in a project."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.compute import Machine, choose_device
from pipeline.config import Compute
from pipeline.errors import DataError, choose_one_of
from pipeline.gan.generator import Generator, of_models
from pipeline.gan.packing import packed_offers
from pipeline.imageset import ImageSet
from pipeline.registry import FAMILIES

_MODEL = re.compile(r"(r\d+f\d+)g\d+")


def locate(root: Path, family: str, model: str) -> tuple[Path, ImageSet]:
    """The directory of a family's models, and the training set that they learnt from.

    Args:
        root: The project's root.
        family: A registry name.
        model: The fold and GAN seed, e.g. `r0f0g0`.

    Raises:
        DataError: If there is no such family, if it is not trained, has no such model, or the
            training set is missing.
    """
    if family not in FAMILIES:
        raise DataError("FAMILY", choose_one_of(family, FAMILIES))
    directory = root / "models" / family
    there = [path.name for path in directory.glob("*") if _MODEL.fullmatch(path.name)]
    if not there:
        raise DataError(
            directory,
            f"is missing: `{family}` is not trained; `python -m pipeline families` lists those "
            "that params.yaml trains, and `dvc repro train_gan` trains them",
        )
    found = _MODEL.fullmatch(model)
    if model not in there or found is None:
        raise DataError(directory, f"--fold: {choose_one_of(model, there)}")
    return directory / model, ImageSet.open(root / "data/augmented" / found[1])


def machine_of(compute: Compute) -> Machine:
    """How to compute one image after the other."""
    device = choose_device(compute.device)
    return Machine(device, compute.threads, precision=compute.precision)


def open_trained(compute: Compute, root: Path, family: str, model: str) -> Generator:
    """A trained family's generator, whose images are those of its package.

    The arguments and errors are those of `locate`.
    """
    models, template = locate(root, family, model)
    machine = machine_of(compute)
    return of_models(models, template, family, machine, packed_offers(template, machine))
