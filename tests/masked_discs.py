"""ImageSets of noisy discs with masks, for tests of what describes images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.imageset import ImageSet, ImageSetWriter, Meta

CLASSES = ("small", "large")


def discs(
    root: Path,
    count: int,
    *,
    size: tuple[int, ...] = (20, 20),
    channels: int = 1,
    noise: float = 15.0,
    grow: float = 0.0,
    masks: bool = True,
    empty: bool = False,
    seed: int = 0,
) -> ImageSet:
    """Bright discs or balls of two classes of radius on a dark ground, in HU.

    Args:
        root: Where the set is written.
        count: Images, of alternating classes.
        size: Pixels along each axis.
        channels: Copies of the image, each with its own noise.
        noise: Its standard deviation.
        grow: Added to every radius.
        masks: Whether there are masks, of the discs.
        empty: Whether the masks outline nothing.
        seed: Of everything that is drawn.
    """
    rng = np.random.default_rng(seed)
    meta = Meta(CLASSES, tuple(f"c{number}" for number in range(channels)), "HU", (-100.0, 200.0))
    axes = np.meshgrid(*[np.arange(length) - (length - 1) / 2 for length in size], indexing="ij")
    with ImageSetWriter(
        root, meta, capacity=count, shape=(channels, *size), dtype=np.int16, masks=masks
    ) as writer:
        for number in range(count):
            radius = 3.0 + 2.0 * (number % 2) + rng.normal(0, 0.4) + grow
            places = [axis - rng.normal(0, 0.7) for axis in axes]
            inside = np.sqrt(sum(place**2 for place in places)) < radius
            image = 40.0 + 60.0 * inside + rng.normal(0, noise, (channels, *size))
            writer.add(
                np.rint(image),
                image_id=f"i{number:04d}",
                label=CLASSES[number % 2],
                patient_id=f"p{number:04d}",
                origin="real",
                spacing_mm=(0.5,) * len(size),
                mask=(inside & (not empty))[None] if masks else None,
            )
    return ImageSet.open(root)
