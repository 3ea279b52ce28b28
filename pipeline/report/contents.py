"""What the page shows, gathered from the files of the other stages.

Each function reads one kind of file and gives plain values for the template. A piece that is not
there is None or empty, and the template says so in a sentence; a page with gaps beats no page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config import Params
from pipeline.errors import DataError
from pipeline.imageset import ImageSet
from pipeline.report import pictures, wording
from pipeline.report.card import span
from pipeline.splits import fold_name

LIBRARIES = (
    "numpy",
    "scipy",
    "pandas",
    "torch",
    "monai",
    "matplotlib",
    "pydantic",
    "dvc",
    "mlflow",
)
RECIPES = {
    "real": "the real images as they are",
    "oversampled": "the real images, rare classes repeated",
    "classical": "real images and their classically augmented copies",
    "classical_online": "real images, augmented anew each time they are drawn",
    "mixup": "mixtures of pairs of real images",
    "synthetic": "synthetic images only",
    "real_synthetic": "real and synthetic images",
    "classical_synthetic": "classically augmented and synthetic images",
}
FIGURES = {
    "kid": ("Kernel distance (KID)", "lower is closer to real images"),
    "frechet": ("Fréchet distance", "lower is closer to real images"),
    "precision": ("Precision", "share of images that look real; higher is better"),
    "recall": ("Recall", "share of the real variety that is covered; higher is better"),
    "nearest_median": ("Distance to the nearest training image", "median; far below the floor "
                       "means copying"),
    "nearest_p05": ("Distance to the nearest training image, closest 5%", "far below the floor "
                    "means copying"),
    "share_near_training": ("Share nearer to training images than held-out ones are", "5% where "
                            "nothing is copied"),
    "density": ("Density", "real neighbourhoods that an image lies in; near 1 for real ones"),
    "coverage": ("Coverage", "share of real images with a synthetic one nearby; higher is better"),
    "label_agreement": ("Shows the class it was asked for", "share that a classifier of real "
                        "images agrees with; as the floor its accuracy on held-out ones"),
    "label_agreement_low": ("... at least", "lower end of the 95% interval"),
    "label_chance": ("... by chance", "always naming the commonest class"),
    "dice": ("Overlap of masks (Dice)", "of a segmentation learnt from real images with the masks; "
             "in the floor's place with those of held-out ones"),
    "dice_ratio": ("... over the held-out images'", "1 where masks are as true as real ones"),
    "images": ("Images compared", "in each draw"),
}  # fmt: skip

# What stands among a fold's groups of images in an assessment and is none.
FURTHER = ("features", "copies")

OUTCOMES = {
    "warn": "Training went on.",
    "stop": "The training was stopped.",
    "roll_back": "It was rolled back to the last good weights, at half the learning rate.",
}


def comparison(root: Path) -> dict[str, Any] | None:
    """The content of metrics/comparison.json, or None."""
    path = root / "metrics/comparison.json"
    return _json(path) if path.exists() else None


def image_sets(params: Params, root: Path) -> list[dict[str, Any]]:
    """Strips of real images, and of each family's, by class.

    Returns:
        One row a class: `label`, and `strips` of `title`, `source` (a data URI) and `count`.
    """
    sets = {}
    if (root / "data/images/meta.json").exists():
        sets["real"] = ImageSet.open(root / "data/images")
    for family in params.train_gan.families:
        path = root / "data/synthetic" / family / fold_name(0, 0, 0)
        if (path / "meta.json").exists():
            sets[family] = ImageSet.open(path)
    if not sets:
        return []
    rows = []
    for label in next(iter(sets.values())).meta.classes:
        strips = [
            {"title": name, "source": pictures.inline(pictures.strip(images.scaled(chosen))),
             "count": len(chosen)}
            for name, images in sets.items()
            if len(chosen := _spread(images, label, params.report.images_per_class))
        ]  # fmt: skip
        rows.append({"label": label, "strips": strips})
    return rows


def fidelity(params: Params, root: Path) -> dict[str, Any]:
    """Fidelity figures of the families, each beside its floor.

    Returns:
        `families`, in order; `rows`, one a figure: `title`, `hint`, and `cells` with `value` and
        `floor` a family; `details`, one a family, fold, group and figure; `pairs`, a picture a
        family.
    """
    found = {}
    for family in params.train_gan.families:
        path = root / "metrics/assess" / f"{family}.json"
        if path.exists():
            found[family] = _json(path)
    means = {family: document.get("mean", {}) for family, document in found.items()}
    names = dict.fromkeys(name for mean in means.values() for name in mean)
    rows = []
    for name in names:
        if name.endswith("_floor") and name.removesuffix("_floor") in names:
            continue
        title, hint = FIGURES.get(name, (name.replace("_", " "), ""))
        cells = [
            {"value": mean.get(name), "floor": mean.get(f"{name}_floor")} for mean in means.values()
        ]
        rows.append({"title": title, "hint": hint, "cells": cells})
    details = [
        {"family": family, "fold": fold, "group": group, **row}
        for family, document in found.items()
        for fold, groups in document.get("folds", {}).items()
        for group, figures in groups.items()
        if group not in FURTHER
        for row in _flat_figures(figures)
    ]
    pairs = []
    for family in params.train_gan.families:
        path = root / "plots/assess" / family / f"pairs_{fold_name(0, 0, 0)}.png"
        if path.exists():
            pairs.append({"family": family, "source": pictures.inline(path.read_bytes())})
    return {"families": list(found), "rows": rows, "details": details, "pairs": pairs}


def trainings(params: Params, root: Path) -> list[dict[str, Any]]:
    """The first fold's training curves of each family, and what the monitors found in any fold."""
    rows = []
    for family in params.train_gan.families:
        directory = root / "models" / family
        first = directory / fold_name(0, 0, 0)
        tables = {
            path.stem.removeprefix("history_"): pd.read_csv(path)
            for path in sorted(first.glob("history*.csv"))
        }
        drawn = pictures.histories(tables)
        findings = [
            {
                "model": f"{path.parent.name}/{path.stem.removeprefix('findings_')}",
                "outcome": OUTCOMES.get(row["action"], ""),
                **row,
            }
            for path in sorted(directory.glob("*/findings*.csv"))
            for row in pd.read_csv(path).to_dict("records")
        ]
        if drawn is not None or findings:
            source = None if drawn is None else pictures.inline(drawn)
            rows.append({"family": family, "source": source, "findings": findings})
    return rows


def parameters(params: Params) -> list[tuple[str, str]]:
    """All parameters as dotted names, without where the scans lie on this machine."""
    return [
        (name, value)
        for name, value in _flat(params.model_dump(mode="json"))
        if name != "ingest.path" and not value.strip('"').startswith(("/", "~", "\\"))
    ]


def versions() -> list[tuple[str, str]]:
    """The libraries that results depend on; a missing one is left out."""
    found = []
    for name in LIBRARIES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return found


def arms(params: Params, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each arm in order: what it was trained on, how much of it, and its figures."""
    rows = []
    for name in result["order"]:
        runs = [run for run in result["runs"] if run["arm"] == name]
        arm = params.classify.arms.get(name)
        source = "" if arm is None else RECIPES.get(arm.recipe, arm.recipe)
        directory, _, family = ("", "", "") if arm is None else arm.images.rpartition("/")
        if directory == "data/synthetic":
            source += f" ({family})"
        rows.append(
            {
                "name": name,
                "source": source,
                "real": span([run["n_real"] for run in runs]),
                "added": span([run["n_added"] for run in runs]),
                "figures": result["arms"][name],
                "baseline": name == result["baseline"],
            }
        )
    return rows


def covariates(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each covariate: what its row is called, and its figures."""
    alone = result.get("covariates", {})
    return [{"name": wording.covariate(name), "figures": each} for name, each in alone.items()]


def _spread(images: ImageSet, label: str, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Positions of some images of a class, evenly over the set; chosen samples before others."""
    manifest = images.manifest
    of_class = manifest["label"].eq(label)
    wanted = of_class & manifest["selected"].astype(int).eq(1)
    rows = np.flatnonzero(wanted if wanted.any() else of_class)
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64)]


def _flat_figures(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, value in figures.items():
        title = FIGURES.get(name, (name.replace("_", " "), ""))[0]
        if isinstance(value, Mapping):
            rows.append(
                {"title": title, "value": value.get("value"), "floor": value.get("floor"),
                 "low": value.get("floor_low"), "high": value.get("floor_high")}
            )  # fmt: skip
        else:
            rows.append({"title": title, "value": value, "floor": None, "low": None, "high": None})
    return rows


def _flat(values: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{above}{name}.")
        else:
            rows.append((f"{above}{name}", json.dumps(value, ensure_ascii=False)))
    return rows


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(path, f"is not readable as JSON ({error}); run its stage again") from error
    if not isinstance(content, dict):
        raise DataError(path, "holds no table of figures; run its stage again")
    return content
