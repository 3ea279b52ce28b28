"""What leaves in any format comes back by `data.open` as it was, but for what the format lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import data
from pipeline.errors import DataError
from pipeline.imageset import ImageSet
from pipeline.registry import EXPORTS
from tests.shipments import COLOURS, ship, synthetic_set

GREY = {"unit": "grey level", "dtype": np.uint8, "window": (0.0, 255.0)}
KINDS: dict[str, dict[str, Any]] = {
    "a slice": {"size": (8, 6)},
    "a volume": {"size": (8, 6, 4)},
    "numeric classes": {"size": (8, 6), "classes": ("1", "2")},
    "two channels": {"size": (8, 6), "channels": ("T1", "T2"), **GREY},
    "channels of a volume": {"size": (8, 6, 4), "channels": ("T1", "T2"), **GREY},
    "colours": {"size": (8, 6), "channels": COLOURS, **GREY},
    "three slices": {"size": (8, 6, 3)},
    "three rows": {"size": (3, 6, 8)},
    "no masks": {"size": (8, 6), "masks": False},
    "to the feet": {"size": (8, 6, 4), "orientation": "PLI"},
    "as RAS": {"size": (8, 6, 4), "orientation": "RAS"},
    "coronal": {"size": (8, 6, 4), "orientation": "ILA"},
    "upside down": {"size": (8, 6), "orientation": "AL"},
    "nowhere": {"size": (8, 6, 4), "orientation": "image", "spacing_mm": None},
    "floats": {"size": (8, 6, 4), "dtype": np.float32},
    "fractions": {"size": (8, 6), "dtype": np.float32, "unit": "index", "window": (0.0, 1.0)},
    "colours in HU": {"size": (8, 6), "channels": COLOURS},
}
# What a format cannot keep, so that nothing else may be lost unnoticed.
PICTURES = ("png", "image_folder")
LOSES_DIGITS = {*PICTURES, "npz"}  # 8 bits between black and white
LOSES_SLICES = set(PICTURES)  # but for the middle one
REFUSES_CHANNELS = {*PICTURES, "npz"}


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(EXPORTS))
def test_an_export_opens_as_what_it_was(
    name: str, kind: str, everything: bool, tmp_path: Path
) -> None:
    """Pixels, masks, labels, folds, refusals, spacing, orientation, unit and window."""
    arguments = {"orientation": None, **KINDS[kind]}
    sets = [synthetic_set(tmp_path / fold, **arguments) for fold in ("r0f0g0", "r0f1g0")]
    several = sets[0].shape[0] == 2
    if several and name in REFUSES_CHANNELS:
        with pytest.raises(DataError, match="2 channels"):
            ship(name, sets, tmp_path / "out")
        return
    out = ship(name, sets, tmp_path / "out", everything=everything)
    again = data.open(out, everything=everything, cache=tmp_path / "cache")
    by_fold = _by_fold(again)
    assert list(by_fold) == ["r0f0g0", "r0f1g0"]
    for images in sets:
        was = images if everything else images.take(images.manifest["selected"].eq(1).to_numpy())
        _compare(was, by_fold[images.root.name], name)


@pytest.mark.parametrize("name", list(EXPORTS))
def test_images_come_in_the_order_that_they_left_in(name: str, tmp_path: Path) -> None:
    """Which is the table's, whatever the files are called."""
    images = synthetic_set(tmp_path / "r0f0g0", (8, 6)).take([4, 0, 5, 2, 1])
    out = ship(name, images, tmp_path / "out")
    _compare(images, data.open(out, cache=tmp_path / "cache"), name)


def _by_fold(images: ImageSet) -> dict[str, ImageSet]:
    told = images.manifest["trained_on"]
    return {fold: images.take(told.eq(fold).to_numpy()) for fold in told.unique()}


def _compare(was: ImageSet, now: ImageSet, name: str) -> None:
    sliced = name in LOSES_SLICES and was.spatial_dims == 3
    dims = 2 if sliced else was.spatial_dims
    middle = was.shape[-1] // 2
    pixels, masks = was.stored(), was.masks() if was.has_masks else None
    if sliced:
        pixels = pixels[..., middle]
        masks = None if masks is None else masks[..., middle]
    low, high = was.meta.window
    step = (high - low) / 255 if name in LOSES_DIGITS else 0.0
    if name == "dicom" and was.dtype == np.float32:
        step = (high - low) / 65535
    assert np.abs(now.stored().astype(float) - pixels).max() <= 0.5 * step + 0.5 * (
        step > 0 and now.dtype.kind in "iu"
    )
    assert now.has_masks == was.has_masks
    if masks is not None:
        assert np.array_equal(now.masks(), masks)
    kept = ["label", "selected"]
    assert now.manifest[kept].to_numpy().tolist() == was.manifest[kept].to_numpy().tolist()
    assert np.array_equal(now.spacing, was.spacing[:, :dims])
    assert (now.manifest["spacing_mm"] == "").tolist() == (
        was.manifest["spacing_mm"] == ""
    ).tolist()
    shown = was.meta.orientation
    assert now.meta.orientation == (shown if shown == "image" else shown[:dims])
    for field in ("classes", "channels", "unit", "window", "note"):
        assert getattr(now.meta, field) == getattr(was.meta, field), field
