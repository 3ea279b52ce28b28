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

from pipeline import jsonfile
from pipeline.config import Params
from pipeline.imageset import ImageSet
from pipeline.report import formats, pictures, wording
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
    "synthetic_first": "classically augmented and synthetic images, then the former alone",
}


def comparison(root: Path) -> dict[str, Any] | None:
    """The content of metrics/comparison.json, or None."""
    path = root / "metrics/comparison.json"
    return jsonfile.read(path) if path.exists() else None


def image_sets(params: Params, root: Path, repeat: int = 0, fold: int = 0) -> list[dict[str, Any]]:
    """Strips of real images, and of each family's of one fold, by class.

    Returns:
        One row a class: `label`, `most` (images in a strip), and `strips` of `title`, `source`
        (a data URI) and `count`.
    """
    sets = {}
    if (root / "data/images/meta.json").exists():
        sets["real"] = ImageSet.open(root / "data/images")
    for family in params.synthetic:
        path = root / "data/synthetic" / family / fold_name(repeat, fold, 0)
        if (path / "meta.json").exists():
            sets[family] = ImageSet.open(path)
    if not sets:
        return []
    rows = []
    for label in next(iter(sets.values())).meta.classes:
        strips: list[dict[str, Any]] = [
            {"title": name, "source": pictures.inline(pictures.strip(images.scaled(chosen))),
             "count": len(chosen)}
            for name, images in sets.items()
            if len(chosen := _spread(images, label, params.report.images_per_class))
        ]  # fmt: skip
        most = max((strip["count"] for strip in strips), default=1)
        rows.append({"label": label, "most": most, "strips": strips})
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
            chosen = ", the selected ones" if getattr(arm, "selected", False) else ""
            source += f" ({family}{chosen})"
        rows.append(
            {
                "name": name,
                "source": source,
                "real": formats.span([run["n_real"] for run in runs]),
                "added": formats.span([run["n_added"] for run in runs]),
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


def _flat(values: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{above}{name}.")
        else:
            rows.append((f"{above}{name}", json.dumps(value, ensure_ascii=False)))
    return rows
