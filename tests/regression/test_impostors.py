"""The verdict on 'synthetic' images of which the truth is known.

Classifiers are really trained and really compared, on textures that take some patients to learn:
noise and real images under shuffled labels must not be called a help, and what a perfect generator
would make, images of patients that were held back for the purpose, must be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline import config
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.seeding import numpy_rng
from pipeline.splits import Splits, fold_name
from pipeline.tracking import NullRun
from pipeline.workflows import augment, classify, compare, split

META = Meta(("fine", "coarse"), ("CT",), "HU", (-100.0, 200.0), positive_class="coarse")
SIZE, PATIENTS, EACH = 12, 300, 2
HELD_BACK = 150
IMPOSTORS = ("noise", "shuffled", "fresh")
PARAMETERS = {
    "seed": 2026,
    "compute": {"threads": 1, "workers": 1},
    "ingest": {"source": "phantom", "positive_class": "coarse"},
    "split": {
        "folds": 3,
        "repeats": 3,
        "train_patients": 6,
        "duplicates": {"enabled": False},
    },
    "augment": {"copies": 2},
    "train_gan": {"families": []},
    "classify": {
        "options": {"channels": [8, 16]},
        "seeds": 1,
        "steps": 200,
        "batch": 32,
        "evaluate_every": 50,
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
    write_patients(root / "held_back", range(HELD_BACK))
    write_patients(root / "data/images", range(HELD_BACK, PATIENTS))
    split.run(params, root, NullRun())
    augment.run(params, root, NullRun())
    splits, images = Splits.open(root / "data/splits.csv"), ImageSet.open(root / "data/images")
    held_back = ImageSet.open(root / "held_back")
    for repeat, fold in splits.folds():
        training = splits.select(images, repeat, fold, "train")
        for name in IMPOSTORS:
            place = root / "impostors" / name / fold_name(repeat, fold)
            rng = numpy_rng(1, name, repeat, fold)
            write_made(place, name, training, held_back, rng)
    for arm in params.classify.arms:
        classify.run(params, root, arm, NullRun())
    compare.run(params, root, NullRun())
    result = json.loads((root / "metrics/comparison.json").read_text())
    return {row["arm"]: row for row in result["contrasts"]}


def write_patients(root: Path, patients: range) -> None:
    """Write two images of each patient, who has one of two textures, more or less so."""
    with ImageSetWriter(
        root, META, capacity=EACH * len(patients), shape=(1, SIZE, SIZE), dtype=np.int16
    ) as writer:
        for patient in patients:
            rng = numpy_rng(0, "patient", patient)
            label = patient % 2
            level, blend = rng.normal(50, 60), rng.normal((0.3, 0.6)[label], 0.05)
            for number in range(EACH):
                rough = rng.normal(size=(1, SIZE, SIZE))
                smooth = gaussian_filter(rng.normal(size=(1, SIZE, SIZE)), (0, 1, 1))
                texture = (1 - blend) * rough + blend * smooth / smooth.std()
                writer.add(
                    level + 50 * texture / texture.std(),
                    image_id=f"i{patient:03d}-{number}",
                    label=META.classes[label],
                    patient_id=f"p{patient:03d}",
                    origin="real",
                )


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
