"""What must be known of images that other generators made, from their assessment's figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.config import UNKNOWN

_CHANGES = {
    "channels": "brought to the scans' channels",
    "cropped": "cut to the scans' proportions",
    "resampled": "resampled to their size",
    "rescaled": "brought to their unit",
    "clipped": "clipped to what their type holds",
    "relabelled": "given these data's class names",
}


def told(documents: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Say of each set made elsewhere who was trained on, what was changed and what is suspicious.

    Args:
        documents: By name, from `quality.documents`.

    Returns:
        A row a set: `name`, `warning` (whether a leak cannot be excluded), `sentences`.
    """
    rows = []
    for name, document in documents.items():
        found = document.get("external")
        if found is not None:
            folds = found["folds"]
            near = _near(folds)
            rows.append(
                {
                    "name": name,
                    "warning": found["trained_on"] == UNKNOWN or bool(near),
                    "sentences": [
                        found["statement"],
                        *near,
                        *_none_near(folds),
                        *_seen(folds),
                        _changes(folds),
                    ],
                }
            )
    return rows


def _near(folds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The images that look like test images, fold by fold; a split leaves none among its own."""
    return [
        f"{each['near_test']} of the {each['images']} images of {fold} are near-duplicates of test "
        f"images ({each['near_train']} of training images). The split leaves no such pair between "
        "training and test patients, so the generator may have seen test patients: look at "
        "them before believing its arms."
        for fold, each in folds.items()
        if each["near_test"]
    ]


def _none_near(folds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a search without a find is worth."""
    if any(each["near_test"] for each in folds.values()):
        return []
    return [
        "No image is a near-duplicate of a test image by the thresholds of `split.duplicates`, "
        "which miss copies that were altered much."
    ]


def _seen(folds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Where a generator had more patients to learn from than the arms' real images come from."""
    more = {
        fold: {part: count for part, count in each["saw_patients"].items() if part != "train"}
        for fold, each in folds.items()
    }
    return [
        f"In {fold} it saw {seen.get('val', 0)} validation patients and {seen.get('excluded', 0)} "
        "who are not trained on: it knows more than the arms without it."
        for fold, seen in more.items()
        if any(seen.values())
    ]


def _changes(folds: Mapping[str, Mapping[str, Any]]) -> str:
    """What was done to the images, over all folds."""
    count = sum(each["images"] for each in folds.values())
    done = {
        words: sum(each["changes"].get(change, 0) for each in folds.values())
        for change, words in _CHANGES.items()
    }
    changed = [f"{number} were {words}" for words, number in done.items() if number]
    aside = sum(each["quarantined"] for each in folds.values())
    if aside:
        changed.append(f"{aside} more could not be used")
    return f"Of {count} images over all folds, {', '.join(changed) or 'none was changed'}."
