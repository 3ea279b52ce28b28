"""Images that a package's user has, to make others from: a directory or a file as an ImageSet.

An .npz file holds `images` (N, C, *spatial) in the stored unit, `labels` (N,) of class names and,
for families that need them, `masks` (N, 1, *spatial). It is read without unpickling.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import DataError, choose_one_of
from pipeline.gan.generator import Format
from pipeline.imageset import COLUMNS, ImageSet


def open_given(path: Path, stored: Format) -> ImageSet:
    """Open an ImageSet's directory or an .npz file.

    Args:
        path: Either.
        stored: What images the generator knows; these must be of its size and unit.

    Raises:
        DataError: If it is missing, unreadable, or of another shape or other classes.
    """
    given = ImageSet.open(path) if path.is_dir() else _from_file(path, stored)
    if given.shape != stored.shape:
        raise DataError(path, f"has images {given.shape}, and the generator's are {stored.shape}")
    if (given.meta.classes, given.meta.window) != (stored.meta.classes, stored.meta.window):
        raise DataError(
            path,
            f"has classes {list(given.meta.classes)} and window {given.meta.window}; the "
            f"generator's are {list(stored.meta.classes)} and {stored.meta.window}",
        )
    return given


def _from_file(path: Path, stored: Format) -> ImageSet:
    arrays = _arrays(path)
    images, labels = arrays["images"], [str(label) for label in arrays["labels"]]
    for label in labels:
        if label not in stored.meta.classes:
            raise DataError(path, f"labels: {choose_one_of(label, stored.meta.classes)}")
    masks = arrays.get("masks")
    for name, array in (("labels", arrays["labels"]), ("masks", masks)):
        if array is not None and len(array) != len(images):
            raise DataError(path, f"has {len(images)} images and {len(array)} {name}")
    if masks is not None and masks.shape[1:] != (1, *images.shape[2:]):
        raise DataError(path, f"has masks {masks.shape}, expected (N, 1, *spatial) of the images")
    manifest = pd.DataFrame("", index=range(len(images)), columns=list(COLUMNS))
    manifest["image_id"] = [f"source-{row:05d}" for row in range(len(images))]
    manifest["label"] = labels
    manifest["origin"] = "real"
    for name in ("images", "masks"):
        _check_finite(path, name, arrays.get(name))
    binary = None if masks is None else (masks > 0).astype(np.uint8)
    return ImageSet(path, stored.meta, manifest, images, binary, np.arange(len(images)))


def _check_finite(path: Path, name: str, array: NDArray[Any] | None) -> None:
    if array is not None and (array.dtype.kind not in "buif" or not np.isfinite(array).all()):
        raise DataError(
            path, f"has {name} that are no finite numbers ({array.dtype}); give grey levels"
        )


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("images", "labels", "masks") if name in file}
    except Exception as error:  # zip, zlib and NumPy raise what damaged bytes lead them to
        raise DataError(
            path, f"is neither an ImageSet's directory nor a readable .npz file ({error})"
        ) from error
    for name in ("images", "labels"):
        if name not in arrays:
            raise DataError(path, f"lacks the array {name!r}; give images and labels")
    if arrays["images"].ndim < 3 or arrays["labels"].ndim != 1:
        raise DataError(path, "needs images (N, C, *spatial) and labels (N,)")
    return arrays
