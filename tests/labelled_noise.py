"""Small ImageSets of noise with a mark by class, for tests of what is trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.imageset import ImageSet, ImageSetWriter, Meta

CLASSES = ("dark", "bright")


def labelled_noise(
    root: Path,
    labels: Sequence[int],
    *,
    origin: str = "real",
    size: tuple[int, ...] = (8, 8),
    classes: tuple[str, ...] = CLASSES,
    spacing_mm: tuple[float, ...] | None = None,
    seed: int = 0,
) -> ImageSet:
    """Write a set whose images are brighter the greater their label.

    Image ids are `<origin>-0`, `<origin>-1` and so on; others than real ones name the real image
    of the same number as their parent.
    """
    rng = np.random.default_rng(seed)
    meta = Meta(classes, ("CT",), "HU", (-100.0, 100.0), positive_class=classes[-1])
    with ImageSetWriter(
        root, meta, capacity=len(labels), shape=(1, *size), dtype=np.int16
    ) as writer:
        for index, label in enumerate(labels):
            noise = rng.normal(60.0 * (label - (len(classes) - 1) / 2), 40.0, (1, *size))
            writer.add(
                np.rint(np.clip(noise, -100, 100)),
                image_id=f"{origin}-{index}",
                label=classes[label],
                patient_id=f"p{index}",
                origin=origin,
                spacing_mm=spacing_mm,
                parent_ids=() if origin == "real" else (f"real-{index}",),
            )
    return ImageSet.open(root)
