"""A project directory as the stages before `compare` leave it, made up in a moment.

Probabilities are drawn so that an arm's `skill` is how far apart the classes' scores lie: the true
difference between two arms is known, and is none where their skills are equal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from ruamel.yaml import YAML

from pipeline import config
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.seeding import numpy_rng

REPOSITORY = Path(__file__).parent.parent
RECIPES = {
    "real": {"recipe": "real", "images": "data/augmented"},
    "classical": {"recipe": "classical", "images": "data/augmented"},
    "classical+synthetic": {
        "recipe": "classical_synthetic",
        "images": "data/synthetic/conditional",
    },
}


def parameters(*, scheme: str = "kfold", **compare: Any) -> config.Params:
    """The project's own parameters with three arms and a short bootstrap."""
    values = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    values["split"]["scheme"] = scheme
    values["classify"]["arms"] = RECIPES
    values["compare"] |= {"bootstrap": 200, "headline": None, **compare}
    return config.parse(values)


def write_images(
    root: Path, labels: list[str], patients: list[str], meta: Meta, *, origin: str = "real"
) -> ImageSet:
    """An ImageSet of blurred blobs whose size tells the class."""
    rng = numpy_rng(0, "simulated", str(root.name), len(labels))
    grid = np.hypot(*np.meshgrid(np.arange(16) - 7.5, np.arange(16) - 7.5))
    prefix = "i" if origin == "real" else f"{origin}-r0f0g0-"
    with ImageSetWriter(
        root, meta, capacity=len(labels), shape=(1, 16, 16), dtype=np.int16
    ) as writer:
        for index, (label, patient) in enumerate(zip(labels, patients, strict=True)):
            radius = 3 + 2 * meta.classes.index(label) + rng.normal(0, 0.3)
            image = 100 - 80 / (1 + np.exp(2 * (grid - radius))) + rng.normal(0, 8, (16, 16))
            writer.add(
                image[None],
                image_id=f"{prefix}{index + 1:05d}",
                label=label,
                patient_id=patient,
                origin=origin,
            )
    return ImageSet.open(root)


def make_run(
    root: Path,
    skills: Mapping[str, float],
    *,
    classes: tuple[str, ...] = ("cyst", "metastasis"),
    positive_class: str | None = "metastasis",
    patients: int = 30,
    images_per_patient: int = 2,
    folds: int = 3,
    repeats: int = 1,
    seeds: int = 2,
    note: str = "",
    seed: int = 0,
) -> Path:
    """Write data/images, data/splits.csv and predictions/ of a finished run.

    Args:
        root: The project directory.
        skills: Arm -> separation of the classes' scores in standard deviations.
        classes: Class names.
        positive_class: With two classes.
        patients: Each has images of one class only.
        images_per_patient: Images of each.
        folds: 1 makes a single fold r0f0 whose test part is a third of the patients.
        repeats: Repeats of the folds.
        seeds: Trained classifiers a fold.
        note: The images' note.
        seed: Another seed, other data.
    """
    rng = numpy_rng(seed, "simulated run")
    label_of = [classes[index % len(classes)] for index in range(patients)]
    labels = [label for label in label_of for _ in range(images_per_patient)]
    owners = [f"p{index:04d}" for index in range(1, patients + 1)]
    owners = [owner for owner in owners for _ in range(images_per_patient)]
    meta = Meta(classes, ("CT",), "HU", (-100, 200), positive_class=positive_class, note=note)
    images = write_images(root / "data/images", labels, owners, meta)
    splits = _splits(images, max(folds, 3), repeats, rng)
    if folds == 1:
        splits = splits[splits["fold"].eq(0)]
    splits.to_csv(root / "data/splits.csv", index=False)
    (root / "predictions").mkdir(exist_ok=True)
    for arm, skill in skills.items():
        table = _predictions(images, splits, skill, seeds, rng)
        if "synthetic" not in arm:
            table["gan_seed"] = table["share"] = ""  # as classify leaves it without a generator
        table.to_csv(root / f"predictions/{arm}.csv", index=False)
    return root


def _splits(images: ImageSet, folds: int, repeats: int, rng: np.random.Generator) -> pd.DataFrame:
    manifest = images.manifest
    owners = list(dict.fromkeys(manifest["patient_id"]))
    classes = len(images.meta.classes)
    rows = []
    for repeat in range(repeats):
        order = rng.permutation(len(owners) // classes)
        place = {owner: order[n // classes % len(order)] % folds for n, owner in enumerate(owners)}
        rows += [
            {
                "image_id": image,
                "group_id": f"g{owner}",
                "repeat": repeat,
                "fold": fold,
                "part": "test" if place[owner] == fold else "train",
                "train_patients": "all",
            }
            for fold in range(folds)
            for image, owner in zip(manifest["image_id"], manifest["patient_id"], strict=True)
        ]
    return pd.DataFrame(rows)


def _predictions(
    images: ImageSet, splits: pd.DataFrame, skill: float, seeds: int, rng: np.random.Generator
) -> pd.DataFrame:
    classes = images.meta.classes
    label_of = images.manifest.set_index("image_id")["label"]
    tables = []
    for (repeat, fold), rows in splits[splits["part"].eq("test")].groupby(["repeat", "fold"]):
        labels = label_of.loc[rows["image_id"]].to_numpy()
        for seed in range(seeds):
            logits = rng.normal(size=(len(rows), len(classes)))
            logits += skill * (labels[:, None] == np.array(classes)[None])
            scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            table = pd.DataFrame(
                {
                    "image_id": rows["image_id"].to_numpy(),
                    "repeat": repeat,
                    "fold": fold,
                    "seed": seed,
                    "gan_seed": 0,
                    "n_real": 40,
                    "n_added": 0,
                    "share": 0.5,
                    "chosen": 1,
                    "part": "test",
                    "label": labels,
                }
            )
            for k, name in enumerate(classes):
                table[f"prob_{name}"] = scores[:, k]
            tables.append(table)
    return pd.concat(tables)


def add_generators(root: Path, families: tuple[str, ...] = ("conditional", "dcgan")) -> None:
    """Add what the GAN stages, assess, split and ingest leave beside the images."""
    meta = ImageSet.open(root / "data/images").meta
    rng = numpy_rng(1, "generators")
    for family in families:
        labels = [label for label in meta.classes for _ in range(6)]
        owners = ["synthetic"] * len(labels)
        place = root / "data/synthetic" / family / "r0f0g0"
        write_images(place, labels, owners, meta, origin=family)
        models = ["all"] if family == "conditional" else list(meta.classes)
        _write_histories(root / "models" / family / "r0f0g0", models, rng)
        _write_assessment(root, family, meta.classes, rng)
    (root / "data/duplicates.csv").write_text(
        "image_id_a,image_id_b,kind,correlation,labels_agree\n"
        "i00001,i00002,exact,1.0,True\ni00003,i00009,near,0.98,False\n"
    )
    (root / "data/quarantine.csv").write_text(
        "item,reason\nitem 12,is constant\nitem 40,is constant\nitem 7,ends early\n"
    )


def _write_histories(directory: Path, models: list[str], rng: np.random.Generator) -> None:
    directory.mkdir(parents=True)
    steps = np.arange(1, 41) * 25
    for model in models:
        noise = rng.normal(0, 0.04, (4, len(steps)))
        table = pd.DataFrame(
            {
                "step": steps,
                "loss_generator": 0.9 + 0.3 * np.exp(-steps / 300) + noise[0],
                "loss_discriminator": 1.2 - 0.2 * np.exp(-steps / 200) + noise[1],
                "d_real": 0.6 + noise[2],
                "d_fake": 0.4 + noise[3],
                "gradient_generator": 1.0,
            }
        )
        table.to_csv(directory / f"history_{model}.csv", index=False)
        findings = "step,monitor,action,message\n"
        if model == models[-1]:
            findings += '500,lost_equilibrium,warn,"the discriminator wins: D(x) is near 1"\n'
            findings += "700,exploding,roll_back,a gradient explodes\n"
        (directory / f"findings_{model}.csv").write_text(findings)


def _write_assessment(
    root: Path, family: str, classes: tuple[str, ...], rng: np.random.Generator
) -> None:
    names = ("kid", "frechet", "precision", "recall", "nearest_median")

    def group() -> dict[str, Any]:
        figures: dict[str, Any] = {"images": 30, "share_near_training": 0.04}
        for name in names:
            floor = float(rng.uniform(0.2, 0.6))
            figures[name] = {
                "value": floor + 0.1,
                "floor": floor,
                "floor_low": floor - 0.1,
                "floor_high": floor + 0.1,
            }
        return figures

    folds = {"r0f0g0": {name: group() for name in ("all", *classes)}}
    first = folds["r0f0g0"]["all"]
    mean = {name: first[name]["value"] for name in names}
    mean |= {f"{name}_floor": first[name]["floor"] for name in names}
    document = {"family": family, "features": ["fold_embedding"], "folds": folds, "mean": mean}
    path = root / "metrics/assess" / f"{family}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    picture = root / "plots/assess" / family / "pairs_r0f0g0.png"
    picture.parent.mkdir(parents=True)
    pixels = rng.integers(60, 200, (196, 396, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(picture)
