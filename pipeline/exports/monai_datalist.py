"""A MONAI (Decathlon) datalist over NIfTI files in the stored unit.

`datalist.json` has a `training` list of `{"image", "label", "class", "trained_on"}`, where `label`
is the class index, or the mask's file where the images have masks (then `class` alone is the
label, as Decathlon's segmentation tasks expect). `monai.data.load_decathlon_datalist` reads it.
Images of several channels keep them on the last axis, which MONAI's NibabelReader moves first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from pipeline.exports.export import Sample, about, file_name, selected_samples
from pipeline.imageset import ImageSet, Meta


def write(sets: Sequence[ImageSet], directory: Path) -> int:
    """Write `images/`, `masks/` where there are masks, and `datalist.json`; return how many."""
    meta = sets[0].meta
    (directory / "images").mkdir(parents=True, exist_ok=True)
    entries = [_entry(sample, meta, directory) for sample in selected_samples(sets)]
    listing = {
        "name": "synthetic",
        "description": about(meta)["note"],
        "labels": {str(index): name for index, name in enumerate(meta.classes)},
        "modality": {str(index): name for index, name in enumerate(meta.channels)},
        "numTraining": len(entries),
        "training": entries,
        **about(meta),
    }
    text = json.dumps(listing, indent=2, sort_keys=True, ensure_ascii=False)
    (directory / "datalist.json").write_text(text + "\n", encoding="utf-8")
    return len(entries)


def _entry(sample: Sample, meta: Meta, directory: Path) -> dict[str, object]:
    name = f"{file_name(sample.image_id)}.nii"
    save_nifti(directory / "images" / name, sample.image, sample.spacing_mm)
    index = meta.classes.index(sample.label)
    entry: dict[str, object] = {
        "image": f"images/{name}",
        "label": index,
        "class": index,
        "trained_on": sample.trained_on,
    }
    if sample.mask is not None:
        (directory / "masks").mkdir(exist_ok=True)
        save_nifti(directory / "masks" / name, sample.mask, sample.spacing_mm)
        entry["label"] = f"masks/{name}"
    return entry


def save_nifti(path: Path, image: NDArray[Any], spacing_mm: tuple[float, ...]) -> None:
    """Write (C, *spatial) as NIfTI-1 with a diagonal affine of the spacing, origin at zero."""
    array = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
    spatial = image.ndim - 1
    spacing = (*spacing_mm, *([1.0] * spatial))[:spatial]
    affine = np.diag([*spacing, *([1.0] * (3 - spatial)), 1.0])
    nifti = nib.Nifti1Image(np.ascontiguousarray(array), affine)
    nifti.header.set_xyzt_units("mm")
    nib.save(nifti, path)
