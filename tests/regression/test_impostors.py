"""The verdict on 'synthetic' images of which the truth is known.

Classifiers are really trained and really compared, on phantom lesions: noise and real images under
shuffled labels must not be called a help, and what a perfect generator would make, images of
patients that were held back for the purpose, must be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import config
from pipeline.imageset import ImageSet, ImageSetWriter
from pipeline.seeding import numpy_rng
from pipeline.splits import Splits, fold_name
from pipeline.tracking import NullRun
from pipeline.workflows import augment, classify, compare, ingest, split

IMPOSTORS = ("noise", "shuffled", "fresh")
PARAMETERS = {
    "seed": 2026,
    "compute": {"threads": 1, "workers": 1},
    "ingest": {
        "source": "phantom",
        "size": [16, 16],
        "window": [-100, 200],
        "positive_class": "metastasis",
        "options": {"lesions": {"metastasis": 480, "haemangioma": 480}, "patients": 320},
    },
    "split": {
        "folds": 3,
        "repeats": 3,
        "train_patients": 10,
        "duplicates": {"enabled": False},
    },
    "augment": {"copies": 2},
    "train_gan": {"families": []},
    "classify": {
        "options": {"channels": [8, 16]},
        "seeds": 1,
        "steps": 100,
        "batch": 32,
        "arms": {
            "classical": {"recipe": "classical", "images": "data/augmented"},
            **{
                name: {"recipe": "classical_synthetic", "images": f"impostors/{name}"}
                for name in IMPOSTORS
            },
        },
    },
}


@pytest.fixture(scope="module")
def contrasts(tmp_path_factory) -> dict[str, dict[str, Any]]:
    """Each impostor held against classical augmentation, by name."""
    root = tmp_path_factory.mktemp("impostors")
    params = config.parse(PARAMETERS)
    ingest.run(params, root, NullRun())
    (root / "data/images").rename(root / "everyone")
    everyone = ImageSet.open(root / "everyone")
    patients = sorted(set(everyone.manifest["patient_id"]))
    held_back = everyone.manifest["patient_id"].isin(patients[::2]).to_numpy(bool)
    write_studied(root / "data/images", everyone.take(~held_back))
    split.run(params, root, NullRun())
    augment.run(params, root, NullRun())
    splits, images = Splits.open(root / "data/splits.csv"), ImageSet.open(root / "data/images")
    for repeat, fold in splits.folds():
        training = splits.select(images, repeat, fold, "train")
        for name in IMPOSTORS:
            place = root / "impostors" / name / fold_name(repeat, fold)
            rng = numpy_rng(1, name, repeat, fold)
            write_made(place, name, training, everyone.take(held_back), rng)
    for arm in params.classify.arms:
        classify.run(params, root, arm, NullRun())
    compare.run(params, root, NullRun())
    result = json.loads((root / "metrics/comparison.json").read_text())
    return {row["arm"]: row for row in result["contrasts"]}


def write_studied(root: Path, images: ImageSet) -> None:
    """Write the patients that the study is about as a set of their own."""
    shape, dtype = images.shape, images.dtype
    with ImageSetWriter(
        root, images.meta, capacity=len(images), shape=shape, dtype=dtype
    ) as writer:
        for image, row in zip(images.stored(), images.manifest.to_dict("records"), strict=True):
            named = {key: row[key] for key in ("image_id", "label", "patient_id")}
            writer.add(image, **named, origin="real")


def write_made(
    root: Path, name: str, training: ImageSet, held_back: ImageSet, rng: np.random.Generator
) -> None:
    """Write what a generator of this kind would have made from the training rows."""
    made = list(MAKERS[name](training, held_back, rng))
    shape, dtype = training.shape, training.dtype
    with ImageSetWriter(
        root, training.meta, capacity=len(made), shape=shape, dtype=dtype
    ) as writer:
        for number, (image, label, parents) in enumerate(made):
            writer.add(
                image, image_id=f"{name}-{number}", label=label, patient_id="", origin=name,
                parent_ids=parents,
            )  # fmt: skip


Made = Iterator[tuple[np.ndarray, str, tuple[str, ...]]]


def noise(training: ImageSet, held_back: ImageSet, rng: np.random.Generator) -> Made:
    """Nothing of either class."""
    del held_back
    low, high = training.meta.window
    for number in range(400):
        label = training.meta.classes[number % 2]
        yield rng.uniform(low, high, training.shape), label, ()


def shuffled(training: ImageSet, held_back: ImageSet, rng: np.random.Generator) -> Made:
    """Training images under labels that say nothing of them."""
    del held_back
    labels = rng.permutation(training.manifest["label"].to_numpy(str))
    parents = training.manifest["image_id"]
    for image, label, parent in zip(training.stored(), labels, parents, strict=True):
        yield image, str(label), (parent,)


def fresh(training: ImageSet, held_back: ImageSet, rng: np.random.Generator) -> Made:
    """What a perfect generator would make: other patients."""
    del training, rng
    for image, label in zip(held_back.stored(), held_back.manifest["label"], strict=True):
        yield image, label, ()


MAKERS = {"noise": noise, "shuffled": shuffled, "fresh": fresh}


class TestVerdicts:
    """What is said of each."""

    @pytest.mark.parametrize("name", ["noise", "shuffled"])
    def test_what_says_nothing_is_no_help(self, contrasts, name) -> None:
        """More images alone are not called one."""
        assert contrasts[name]["verdict"] != "helps"

    def test_fresh_patients_help(self, contrasts) -> None:
        """The study is large enough to show it, and does."""
        row = contrasts["fresh"]
        assert row["difference"] > row["power"]["smallest"]
        assert row["verdict"] == "helps"
