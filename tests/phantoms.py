"""Phantom images by the patient, for tests that need many that look like scans."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.sources.phantom import Phantom, PhantomOptions
from pipeline.sources.source import Scan, Target

WINDOW = (-100.0, 200.0)


def phantoms(root: Path, count: int, *, seed: int, size: tuple[int, ...] = (32, 32)) -> ImageSet:
    """Write metastases, each of a patient of its own kind of liver and scanner, as a set."""
    options = PhantomOptions(lesions={"metastasis": count}, patients=2 * count)
    meta = Meta(("metastasis",), ("CT",), "HU", WINDOW, positive_class=None)
    with ImageSetWriter(root, meta, capacity=count, shape=(1, *size), dtype=np.int16) as writer:
        for number, scan in enumerate(Phantom(root, options, Target(size, WINDOW, seed)).scans()):
            assert isinstance(scan, Scan)
            writer.add(
                scan.image.reshape(1, *size),
                image_id=f"s{seed}-{number:04d}",
                label="metastasis",
                patient_id=f"s{seed}-{scan.patient}",
                origin="real",
            )
    return ImageSet.open(root)
