"""The data card: where the numbers come from, and what was left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.config import Params
from pipeline.imageset import ImageSet
from pipeline.report.formats import MINUS, span
from pipeline.splits import Splits

SOURCES = {
    "phantom": "a phantom: simulated scans",
    "nifti": "NIfTI files",
    "dicom": "DICOM series",
    "image_folder": "folders of pictures",
    "medmnist": "MedMNIST",
}


def data_card(params: Params, root: Path) -> dict[str, Any] | None:
    """Where the numbers come from: origin, counts of images and patients, and what was left out."""
    if not (root / "data/images/meta.json").exists():
        return None
    images = ImageSet.open(root / "data/images")
    meta, manifest = images.meta, images.manifest
    classes = [
        {"label": label, "images": len(rows), "patients": rows["patient_id"].nunique()}
        for label in meta.classes
        for rows in [manifest[manifest["label"].eq(label)]]
    ]
    origin = params.ingest.source
    window = f"{meta.window[0]:g} to {meta.window[1]:g} {meta.unit}"
    facts = {
        "Origin": SOURCES.get(origin, origin),
        "Images": len(manifest),
        "Patients": manifest["patient_id"].nunique(),
        "Size": " × ".join(str(side) for side in images.shape[1:]) + " pixels",
        "Channels": ", ".join(meta.channels),
        "Intensities shown": window.replace("-", MINUS),
        "Orientation": meta.orientation,
        "Masks": "yes" if images.has_masks else "no",
        "Licence": params.ingest.licence or "not stated (ingest.licence)",
    }
    if meta.note:
        facts["Note"] = meta.note
    if meta.positive_class is not None:
        facts["Positive class"] = meta.positive_class
    return {
        "classes": classes, "facts": facts, "parts": _parts(root), **_left_out(root),
    }  # fmt: skip


def _parts(root: Path) -> list[dict[str, Any]]:
    """Images and groups of each part, as ranges over folds; of each size of the training part."""
    path = root / "data/splits.csv"
    if not path.exists():
        return []
    frame = Splits.open(path).frame
    named = frame["train_patients"] if "train_patients" in frame else pd.Series("all", frame.index)
    rows = []
    for size, of_size in frame.groupby(named.astype(str), sort=False):
        for part in ("train", "val", "test", "excluded"):
            folds = of_size[of_size["part"].eq(part)].groupby(["repeat", "fold"])
            if len(folds):
                counts = span(folds.size().tolist()), span(folds["group_id"].nunique().tolist())
                rows.append({"size": size, "part": part, "images": counts[0], "groups": counts[1]})
    return rows


def _left_out(root: Path) -> dict[str, Any]:
    """Duplicates and quarantined inputs, in numbers and reasons; None where not recorded."""
    result: dict[str, Any] = {"duplicates": None, "quarantine": None}
    if (path := root / "data/duplicates.csv").exists():
        table = pd.read_csv(path)
        result["duplicates"] = {
            "exact": int(table["kind"].eq("exact").sum()),
            "near": int(table["kind"].eq("near").sum()),
            "contradicting": int((~_truth(table["labels_agree"])).sum()),
        }
    if (path := root / "data/quarantine.csv").exists():
        reasons = pd.read_csv(path, keep_default_na=False)["reason"].value_counts()
        ordered = sorted(reasons.items(), key=lambda pair: (-pair[1], str(pair[0])))
        result["quarantine"] = [{"reason": str(name), "count": int(n)} for name, n in ordered]
    return result


def _truth(column: pd.Series) -> pd.Series:
    return column.astype(str).str.lower().isin(["true", "1", "yes"])
