"""A project of discs, dark or bright by label, split, augmented and sampled: up to `classify`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.imageset import ImageSetWriter, Meta

META = Meta(("dark", "bright"), ("CT",), "HU", (-100.0, 200.0), positive_class="bright")
PARTS = ["train"] * 24 + ["val"] * 8 + ["test"] * 12


def make(root: Path, folds: int = 1) -> Path:
    """Folds with 24 training rows, a copy of each, and two GAN seeds' synthetic images."""
    labels = [META.classes[index % 2] for index in range(len(PARTS))]
    ids = [f"i{index:05d}" for index in range(len(PARTS))]
    real = [
        {"image_id": name, "label": label, "origin": "real"}
        for name, label in zip(ids, labels, strict=True)
    ]
    write_set(root / "data/images", real)
    frames = []
    for fold in range(folds):
        parts = np.roll(PARTS, 12 * fold)
        frame = {"image_id": ids, "group_id": ids, "repeat": 0, "fold": fold, "part": parts}
        frames.append(pd.DataFrame(frame).assign(train_patients="all"))
        train = [row for row, part in zip(real, parts, strict=True) if part == "train"]
        copies = [
            {
                "image_id": f"{row['image_id']}-c0",
                "label": row["label"],
                "origin": "classical",
                "parent_ids": (row["image_id"],),
            }
            for row in train
        ]
        write_set(root / f"data/augmented/r0f{fold}", train + copies)
        for seed in (0, 1):
            write_synthetic(root, seed, fold)
    pd.concat(frames).to_csv(root / "data/splits.csv", index=False)
    return root


def write_set(root: Path, rows: list[dict[str, Any]]) -> None:
    """Discs, dark or bright by label; pixels depend on the image id alone."""
    with ImageSetWriter(
        root, META, capacity=len(rows), shape=(1, 12, 12), dtype=np.int16
    ) as writer:
        for row in rows:
            name = row.get("pixels_of", row["image_id"])
            seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
            image = np.random.default_rng(seed).normal(50, 20, (1, 12, 12))
            image[:, 4:8, 4:8] += 90 if row["label"] == "bright" else -90
            given = {key: value for key, value in row.items() if key != "pixels_of"}
            writer.add(np.rint(image), **{"patient_id": row["image_id"], **given})


def write_synthetic(root: Path, gan_seed: int, fold: int = 0, **changes: Any) -> None:
    """Twenty samples of one GAN seed, the last four refused; `changes` apply to the first."""
    rows: list[dict[str, Any]] = [
        {
            "image_id": f"dcgan-r0f{fold}g{gan_seed}-{index:05d}",
            "label": META.classes[index % 2],
            "origin": "dcgan",
            "selected": index < 16,
        }
        for index in range(20)
    ]
    rows[0].update(changes)
    write_set(root / f"data/synthetic/dcgan/r0f{fold}g{gan_seed}", rows)
