"""Smooth random pictures, and sets of pictures with the labels and patients that a test needs."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from pipeline.imageset import ImageSet, ImageSetWriter, Meta


def scene(rng, shape=(64, 64), smoothing=4.0):
    """A smooth random picture, as different from the next as two patients are."""
    smooth = gaussian_filter(rng.standard_normal(shape), smoothing)
    return np.clip(128 + smooth * 45 / smooth.std(), 0, 255)


def image_set(root, images, labels=None, patients=None, orientation="image", parts=None):
    """Write images (N, *spatial) as a set; a patient each and one class unless told."""
    labels = labels or ["a"] * len(images)
    meta = Meta(("a", "b"), ("grey",), "grey level", (0, 255), orientation)
    shape = (1, *np.shape(images[0]))
    with ImageSetWriter(root, meta, capacity=len(images), shape=shape, dtype=np.uint8) as writer:
        for number, image in enumerate(images):
            writer.add(
                np.rint(image)[None],
                image_id=f"i{number:05d}",
                label=labels[number],
                patient_id=patients[number] if patients else f"p{number:04d}",
                origin="real",
                attributes={"official_part": parts[number]} if parts else None,
            )
    return ImageSet.open(root)
