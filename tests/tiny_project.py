"""A project of tiny images, split and augmented, for tests of the GAN's stages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.splits import Splits

CLASSES = ("benign", "malign / grade: 3")
BALL = np.hypot(*np.meshgrid(np.arange(16) - 8, np.arange(16) - 8))[None] < 4
OPTIONS = {"steps": 8, "batch": 4, "ngf": 4, "ndf": 4, "widest": 8, "latent": 4}


def make(root: Path, folds: int = 1, *, masks: bool = False) -> ImageSet:
    """Write data/splits.csv and data/augmented: eight images, each with one copy.

    With masks, each image also has one and a word about its margin.
    """
    rng = np.random.default_rng(0)
    meta = Meta(CLASSES, ("CT",), "HU", (-100.0, 200.0), note="Noise, not scans.")
    rows = []
    for fold in range(folds):
        directory = root / "data/augmented" / f"r0f{fold}"
        with ImageSetWriter(
            directory, meta, capacity=16, shape=(1, 16, 16), dtype="i2", masks=masks
        ) as writer:
            for number in range(16):
                parent = f"i{number % 8:05d}"
                real = number < 8
                writer.add(
                    rng.integers(-100, 200, (1, 16, 16)),
                    image_id=parent if real else f"{parent}-c1",
                    label=CLASSES[number % 2],
                    patient_id=f"p{number % 8:04d}",
                    origin="real" if real else "classical",
                    parent_ids=() if real else (parent,),
                    mask=BALL if masks else None,
                    attributes={"margin": ("sharp", "poor")[number % 4 // 2]} if masks else {},
                )
        rows += [(f"i{number:05d}", f"g{number}", 0, fold, "train") for number in range(8)]
        rows += [(f"i{number:05d}", f"g{number}", 0, fold, "val") for number in range(80, 90)]
        rows.append(("i00099", "g99", 0, fold, "test"))
    _scans(root / "data/images", meta, rng, masks=masks)
    frame = pd.DataFrame(rows, columns=["image_id", "group_id", "repeat", "fold", "part"])
    frame.assign(train_patients="all").to_csv(root / "data/splits.csv", index=False)
    Splits.open(root / "data/splits.csv")
    return ImageSet.open(root / "data/augmented/r0f0")


def _scans(root: Path, meta: Meta, rng: np.random.Generator, *, masks: bool) -> None:
    """Write data/images with the validation rows that score the models."""
    with ImageSetWriter(
        root, meta, capacity=10, shape=(1, 16, 16), dtype="i2", masks=masks
    ) as writer:
        for number in range(80, 90):
            writer.add(
                rng.integers(-100, 200, (1, 16, 16)),
                image_id=f"i{number:05d}",
                label=CLASSES[number % 2],
                patient_id=f"p{number:04d}",
                origin="real",
                mask=BALL if masks else None,
                attributes={"margin": "sharp"} if masks else {},
            )


def params(workers: int = 1, gan_seeds: int = 1, **options: object) -> config.Params:
    """Parameters for it."""
    chosen = {**OPTIONS, **options}
    return config.parse(
        {
            "seed": 11,
            "compute": {"device": "cpu", "threads": 1, "workers": workers},
            "ingest": {"source": "phantom"},
            "train_gan": {
                "gan_seeds": gan_seeds,
                "options": {"conditional": chosen, "dcgan": chosen, "stackgan": chosen},
            },
            "synthesize": {"per_class": 3},
            "assess": {"embedding_steps": 5},
            "classify": {"arms": {}},
        }
    )
