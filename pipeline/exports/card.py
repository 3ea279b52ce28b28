"""The data card that goes with every export: `card.md` for people, `card.json` for machines.

It says what the images are and where they come from, how many there are, how they were selected,
how near to real images and to their training images they were found, each figure beside its floor,
and what they are for. Both files hold the same; `card_text` writes the first from the second.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.exports.card_text import card_text
from pipeline.exports.export import Shipment
from pipeline.exports.facts import PURPOSE, Facts, version
from pipeline.exports.folder import Folder
from pipeline.fidelity.figures import FIGURES

LEAKS = (
    "An image was made by a generator that learnt from the training patients of the fold that "
    "`trained_on` names: r0f1g0 is repeat 0, fold 1, GAN seed 0. Whoever tests on patients of "
    "these folds trains on the images of one fold and tests on that fold's test patients alone: "
    "the images of other folds show what those patients look like. Whoever tests on other patients "
    "may train on all. Never validate or test on synthetic images."
)
LIMITS = (
    "Each image shows what a generator made of its training images: what these lack, it lacks, and "
    "it repeats their bias.",
    "The class is what the generator was asked for; no physician has read the images.",
    "The figures compare with images of held-out patients of the same data, not of other places.",
    "That no copies were found is no proof of anonymity: handle the images as the licence and the "
    "consent of the source data ask.",
    "Whether they help a classifier depends on it and on its data: compare with and without them.",
)
_LIBRARIES = ("numpy", "torch", "monai", "pydicom", "nibabel", "pillow")


def write_card(shipment: Shipment, folder: Folder, form: str, opening: str) -> None:
    """Write `card.json` and `card.md`.

    Args:
        shipment: What leaves.
        folder: Where to.
        form: The format's name.
        opening: How to open it; `{fold}` and `{segmentation}` are filled in.
    """
    card = data_card(shipment, form, opening)
    text = json.dumps(card, indent=2, sort_keys=True, ensure_ascii=False)
    folder.text("card.json", text + "\n")
    folder.text("card.md", card_text(card))


def data_card(shipment: Shipment, form: str, opening: str) -> dict[str, Any]:
    """Say all that a user of the images must know."""
    facts, meta = shipment.facts, shipment.meta
    first = shipment.sets[0].root.name
    filled = opening.replace("{fold}", first).replace("{segmentation}", str(shipment.has_masks))
    return {
        "format": form,
        "name": facts.name,
        "synthetic": True,
        "note": meta.note,
        "images": len(shipment),
        "counts": _counts(shipment),
        "only_selected": not shipment.everything,
        "pixels": _pixels(shipment),
        "classes": list(meta.classes),
        "positive_class": meta.positive_class,
        "origin": facts.origin,
        "generator": {
            "name": facts.name,
            "trained_here": facts.options is not None,
            "options": None if facts.options is None else dict(facts.options),
            "seed": facts.seed,
        },
        "selection": _selection(facts),
        "fidelity": _fidelity(facts),
        "copies": _copies(facts),
        "licence": facts.licence,
        "intended_use": PURPOSE,
        "limits": list(LIMITS),
        "without_leaking": LEAKS,
        "opening": filled,
        "software": _software(),
    }


def _pixels(shipment: Shipment) -> dict[str, Any]:
    """What holds for every image."""
    meta = shipment.meta
    return {
        "shape": list(shipment.shape),
        "channels": list(meta.channels),
        "unit": meta.unit,
        "window": list(meta.window),
        "orientation": meta.orientation,
        "masks": shipment.has_masks,
    }


def _counts(shipment: Shipment) -> dict[str, dict[str, int]]:
    """Images by class and then by fold."""
    found: dict[str, Counter[str]] = {label: Counter() for label in shipment.meta.classes}
    for sample in shipment.samples():
        found[sample.label][sample.trained_on] += 1
    folds = [images.root.name for images in shipment.sets]
    return {label: {fold: counts[fold] for fold in folds} for label, counts in found.items()}


def _selection(facts: Facts) -> list[dict[str, Any]]:
    """What selection chose among, a row for each fold and class."""
    return [
        {
            "fold": fold,
            "class": label,
            **{key: each.get(key) for key in ("images", "passed", "refused", "selected")},
            "failed": each.get("failed", {}),
        }
        for fold, classes in facts.selection.items()
        for label, each in classes.items()
    ]


def _fidelity(facts: Facts) -> dict[str, Any] | None:
    """Figures of the headline features, means over folds, each with its floor where it has one."""
    document = facts.assessment
    if document is None:
        return None
    mean: Mapping[str, float] = document.get("mean", {})
    features = document.get("features", "")
    rows = [
        {
            "figure": name,
            "title": title,
            "meaning": meaning,
            "value": mean[name],
            "floor": mean.get(f"{name}_floor"),
        }
        for name, (title, meaning) in FIGURES.items()
        if name in mean
    ]
    return {
        "features": features if isinstance(features, str) else next(iter(features), ""),
        "yardstick": document.get("yardstick", ""),
        "figures": rows,
    }


def _copies(facts: Facts) -> dict[str, Any] | None:
    """What the search for copies found: its words by fold, and its figures, means over folds."""
    checked = {fold: each["copies"] for fold, each in facts.folds.items() if each.get("copies")}
    if not checked:
        return None
    return {
        "findings": [
            {
                "fold": fold,
                "copying": check.get("copying"),
                "finding": check.get("finding", ""),
                "flagged_images": check.get("flagged_images"),
            }
            for fold, check in checked.items()
        ],
        "spaces": _spaces([check.get("spaces") or {} for check in checked.values()]),
        "membership": _membership(
            [(check.get("membership") or {}).get("attacks") or {} for check in checked.values()]
        ),
    }


def _spaces(folds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for name in dict.fromkeys(name for fold in folds for name in fold):
        found = [fold[name] for fold in folds if name in fold]
        rows.append(
            {
                "space": name,
                "share_flagged": _mean([each["share"]["value"] for each in found]),
                "expected_by_chance": _mean([each["expected"] for each in found]),
                "median_distance": _mean([_median(each, "synthetic") for each in found]),
                "median_distance_floor": _mean([_median(each, "held_out") for each in found]),
            }
        )
    return rows


def _membership(folds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for name in dict.fromkeys(name for fold in folds for name in fold):
        found = [fold[name]["auc"]["value"] for fold in folds if name in fold]
        rows.append({"attack": name, "auc": _mean(found), "by_chance": 0.5})
    return rows


def _median(space: Mapping[str, Any], side: str) -> float | None:
    value = space["distance"][side]["median"]
    return None if value is None else float(value)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(f"{np.mean(known):.6g}") if known else None


def _software() -> dict[str, str]:
    """Versions of what made the files; a library that is absent is left out."""
    found = {name: version(name) for name in _LIBRARIES}
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python, **{name: each for name, each in found.items() if each is not None}}
