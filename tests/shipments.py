"""Small sets on their way out, for tests of exports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config import options_of
from pipeline.exports.card import write_card
from pipeline.exports.export import Shipment
from pipeline.exports.facts import Facts
from pipeline.exports.folder import Folder
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.registry import EXPORTS

COLOURS = ("red", "green", "blue")
FACTS = Facts("dcgan", 2026, "phantom", "CC BY 3.0", {"steps": 400})


def synthetic_set(
    root: Path,
    size: Sequence[int],
    *,
    channels: tuple[str, ...] = ("CT",),
    unit: str = "HU",
    dtype: Any = np.int16,
    window: tuple[float, float] = (-100.0, 200.0),
    orientation: str | None = None,
    spacing_mm: Sequence[float] | None = (0.7, 1.23047, 2.5),
    count: int = 6,
    masks: bool = True,
    classes: tuple[str, str] = ("cyst", "a/b"),
) -> ImageSet:
    """Noise of two classes, every fourth image not selected, with masks of a box and a corner.

    Args:
        root: Its last part is the fold.
        size: 2D or 3D.
        channels: Names.
        unit: Of the values, which fill the window.
        dtype: Stored type.
        window: Black and white.
        orientation: By default PL or PLS.
        spacing_mm: As many as there are axes are taken.
        count: Images.
        masks: Whether there are any.
        classes: Two names.
    """
    side = orientation or "PLS"[: len(size)]
    meta = Meta(classes, channels, unit, window, orientation=side, note="Phantom.")
    rng = np.random.default_rng(0)
    shape = (len(channels), *size)
    with ImageSetWriter(
        root, meta, capacity=count, shape=shape, dtype=dtype, masks=masks
    ) as writer:
        for index in range(count):
            mask = np.zeros(size, np.uint8)
            mask[1:3, 2:5] = 1
            mask[-1, -1] = index % 3
            writer.add(
                rng.uniform(*window, shape).astype(np.float64),
                image_id=f"dcgan-{root.name}-{index:05d}",
                label=meta.classes[index % 2],
                patient_id="synthetic",
                origin="dcgan",
                mask=mask if masks else None,
                seed=100 + index,
                selected=index % 4 != 3,
                spacing_mm=None if spacing_mm is None else spacing_mm[: len(size)],
            )
    return ImageSet.open(root)


def ship(
    name: str,
    sets: ImageSet | Sequence[ImageSet],
    directory: Path,
    *,
    facts: Facts = FACTS,
    everything: bool = False,
    **options: object,
) -> Path:
    """Export sets in a format, with card and checksums; return the directory."""
    every = (sets,) if isinstance(sets, ImageSet) else tuple(sets)
    shipment = Shipment(every, facts, everything)
    kind = EXPORTS.load(name)
    with Folder(directory) as folder:
        export = kind(options_of(EXPORTS, name, options, f"export.options.{name}"))
        export.write(shipment, folder)
        write_card(shipment, folder, name, kind.opening)
    return directory
