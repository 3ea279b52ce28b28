"""What a study leaves beyond a plain run: several sizes, curves, subgroups, copy checks, pictures.

The figures are made up around those that `compare` found, after the schema that the stages write;
they serve what shows them (page, study's document, MLflow), and no statistics.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.report.plots import blank, save
from pipeline.seeding import numpy_rng

SIZES = ("25", "60", "150")
SHARES = (0.25, 0.5, 0.75)
FINDING = "No more copies found than among images of patients it never saw."
CAUGHT = "Copies found (pixels): 41 images lie nearer to a training image than chance explains."


def extend(root: Path, families: tuple[str, ...] = ("conditional", "dcgan")) -> Path:
    """Extend a run that was compared and assessed to a study."""
    rng = numpy_rng(0, "simulated study")
    path = root / "metrics/comparison.json"
    result = _of_sizes(json.loads(path.read_text()), rng)
    path.write_text(json.dumps(result, indent=2, sort_keys=True))
    for family in families:
        _assess(root, family, FINDING if family == families[0] else CAUGHT)
    (root / "metrics/curves.json").write_text(json.dumps(_added()))
    _draw(root, result)
    return root


def _of_sizes(plain: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """The comparison at three sizes, each figure of a larger one a little better."""
    sizes = {}
    for place, size in enumerate(SIZES):
        part = copy.deepcopy(
            {key: plain[key] for key in ("arms", "contrasts", "supporting", "units", "runs")}
        )
        for arm in part["arms"].values():
            arm["reliability"] = _reliability(rng)
            for figures in arm.values():
                if isinstance(figures, dict) and "mean" in figures:
                    for key, value in figures.items():
                        figures[key] = None if value is None else min(1.0, value + 0.03 * place)
        for number, row in enumerate(part["contrasts"]):
            row |= _evidence(row, size, "exploratory" if number < 1 else "headline", place)
        for row in part["supporting"]:
            row["train_patients"] = size
        for run in part["runs"]:
            run |= {"train_patients": size, "repeat": run["repeat"] + place * 10, "share": None}
            if "synthetic" in run["arm"]:
                run["share"] = 0.5
        sizes[size] = part | {"train_patients": size}
    return plain | sizes[SIZES[0]] | {
        "sizes": sizes,
        "curves": _curves(sizes, plain["primary"]),
        "subgroups": _subgroups(sizes[SIZES[0]], plain),
    }  # fmt: skip


def _evidence(row: dict[str, Any], size: str, family: str, place: int) -> dict[str, Any]:
    verdict = ("helps", "no evidence", "equivalent")[place] if "synthetic" in row["arm"] else None
    said = {} if verdict is None else {"sentence": f"With {size} patients: {verdict}."}
    return said | {
        "family": family,
        "train_patients": size,
        "verdict": verdict or row["verdict"],
        "error": 0.02,
        "df": 8.0,
        "effect_size": {"value": 0.8, "low": 0.1, "high": 1.5},
        "equivalence": {"margin": 0.02, "p": 0.4, "low": -0.01, "high": 0.05},
        "power": {"power": 0.8, "alpha": 0.05, "smallest": 0.06},
    }


def _reliability(rng: np.random.Generator) -> list[dict[str, float]]:
    middles = np.linspace(0.05, 0.95, 5)
    return [
        {"predicted": x, "observed": (y := float(np.clip(x + rng.normal(0, 0.05), 0, 1))),
         "low": max(0.0, y - 0.1), "high": min(1.0, y + 0.1), "images": 12.0}
        for x in middles.tolist()
    ]  # fmt: skip


def _curves(sizes: dict[str, Any], metric: str) -> dict[str, Any]:
    arms = next(iter(sizes.values()))["arms"]
    return {
        "patients": {
            "arms": {
                arm: {
                    metric: [
                        {"train_patients": size, **part["arms"][arm][metric]}
                        for size, part in sizes.items()
                    ]
                }
                for arm in arms
            },
            "worth": {
                "classical+synthetic": [
                    {"train_patients": "25", "patients": 25.0, "worth": 38.2, "low": 25.0,
                     "high": None},
                    {"train_patients": "150", "patients": 150.0, "worth": None, "low": None,
                     "high": None},
                ]
            },
        },
        "shares": {"classical+synthetic": _shares(arms["classical+synthetic"][metric])},
    }  # fmt: skip


def _shares(figures: dict[str, Any]) -> list[dict[str, Any]]:
    loss = {"mean": 0.5, "low": 0.45, "high": 0.55}
    return [
        {"share": share, "folds": 6, "chosen": chosen, "val_loss": loss, "val": figures,
         "test": figures}
        for share, chosen in zip(SHARES, (1, 5, 0), strict=True)
    ]  # fmt: skip


def _added() -> dict[str, Any]:
    """Frid-Adar's chart: a classical line and a synthetic one that goes on from it."""
    lines = []
    for name, family, numbers in (
        ("classical", "", (0, 100, 400)),
        ("classical + dcgan", "dcgan", (0, 200)),
    ):
        points = [
            {"asked": number, "added": float(number), "mean": 0.7 + number / 8000, "low": 0.6,
             "high": 0.8, "chosen": 3 * (place == 1), "folds": [{}] * 3}
            for place, number in enumerate(numbers)
        ]  # fmt: skip
        lines.append({"name": name, "family": family, "points": points})
    return {
        "primary": "balanced_accuracy",
        "confidence": 0.95,
        "train_patients": "25",
        "seeds": 1,
        "lines": lines,
    }


def _subgroups(part: dict[str, Any], plain: dict[str, Any]) -> list[dict[str, Any]]:
    metric = plain["primary"]
    return [
        {
            "column": "diameter_mm",
            "level": level,
            "groups": 20,
            "images": 40,
            "arms": {arm: {metric: part["arms"][arm][metric]} for arm in plain["order"]},
            "differences": [
                {key: row[key] for key in ("arm", "against", "metric", "difference", "low", "high")}
                for row in part["contrasts"]
            ],
        }
        for level in ("below 8", "8 to 15", "from 15")
    ]


def _assess(root: Path, family: str, finding: str) -> None:
    """A second feature extractor and a copy check beside what the family's file holds."""
    path = root / f"metrics/assess/{family}.json"
    document = json.loads(path.read_text())
    for fold in document["folds"].values():
        for figures in fold.values():
            figures["kid_standard_error"] = {"value": 0.004, "floor": 0.003}
        groups = copy.deepcopy(fold)
        fold["features"] = {"texture": groups}
        fold["copies"] = _copies(finding)
    document["mean_features"] = {"texture": dict(document["mean"])}
    path.write_text(json.dumps(document))


def _copies(finding: str) -> dict[str, Any]:
    caught = finding == CAUGHT
    return {
        "copying": caught,
        "finding": finding,
        "p": 0.001 if caught else 0.4,
        "named": 41 if caught else 0,
        "flagged_images": 41 if caught else 3,
        "spaces": {
            space: {
                "distance": {"synthetic": {"median": 0.8}, "held_out": {"median": 0.9}},
                "nearer": {"auc": 0.55, "low": 0.48, "high": 0.62, "p": 0.1},
                "flagged": 3,
                "share": {"value": 0.41 if caught else 0.03, "low": 0.01, "high": 0.5},
                "expected": 0.02,
            }
            for space in ("fold_embedding", "pixels", "pixels_coarse", "mixtures")
        },
        "membership": {
            "patients": 20,
            "attacks": {
                attack: {
                    "auc": {"value": 0.53, "low": 0.47, "high": 0.59},
                    "tpr": {"value": 0.02, "low": 0.0, "high": 0.06},
                }
                for attack in ("distance_pixels", "calibrated_pixels", "discriminator")
            },
        },
    }


def _draw(root: Path, result: dict[str, Any]) -> None:
    for name in ("patients", "shares", "reliability", "subgroups"):
        _lines(root / f"plots/compare/{name}.png", result["order"])
    _lines(root / "plots/curves/augmentation.png", ["classical", "synthetic"])


def _lines(path: Path, names: list[str]) -> None:
    figure = blank(7, 3.5)
    axes = figure.subplots()
    for place, name in enumerate(names):
        axes.plot([25, 60, 150], [0.6 + 0.02 * place, 0.7, 0.75 - 0.01 * place], label=name)
    axes.legend(frameon=False)
    save(figure, path)
