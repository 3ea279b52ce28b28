"""How good and how varied the synthetic images are: each figure beside its floor.

Figures come from metrics/assess/<family>.json, one or several feature extractors each. To name a
new figure for readers: a line in `fidelity.figures`; one without a line is shown under its own
name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import jsonfile
from pipeline.config import Params
from pipeline.fidelity.figures import DISTANCES, FIGURES

EXTRACTORS = {
    "fold_embedding": "An embedding learnt on the fold's training images",
    "texture": "Textures",
    "radiomics": "Radiomics-like features",
    "lesion": "Shape and intensity of the lesion",
    "pretrained": "A network pretrained on other images",
}
# The standard error of `<name>` stands under this name.
_ERROR = "_standard_error"
# Beside groups of images, a fold's entry holds these.
_APART = frozenset({"features", "copies"})
EVERYTHING = "all"


def documents(params: Params, root: Path) -> dict[str, dict[str, Any]]:
    """The content of metrics/assess/<family>.json of each family that has one."""
    found = {}
    for family in params.synthetic:
        path = root / "metrics/assess" / f"{family}.json"
        if path.exists():
            found[family] = jsonfile.read(path)
    return found


def fidelity(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Fidelity of the families, a table for each feature extractor and group of images.

    Args:
        documents: By family, from `documents`.

    Returns:
        `families`, in order; `extractors`, each with `title`, and `groups` of `name`, `rows` and
        `near` (means over folds; the group of all classes first; `near` are distances);
        `details`, a row a family, model, extractor, group and figure.
    """
    names = dict.fromkeys(name for document in documents.values() for name in _extractors(document))
    extractors = []
    for extractor in names:
        folds = {
            family: [of_extractor(document, fold, extractor) for fold in document["folds"].values()]
            for family, document in documents.items()
        }
        groups = dict.fromkeys(group for each in folds.values() for fold in each for group in fold)
        extractors.append(
            {
                "name": extractor,
                "title": EXTRACTORS.get(extractor, extractor.replace("_", " ").capitalize()),
                "groups": [
                    {
                        "name": group,
                        "rows": [row for row in rows if row["name"] not in DISTANCES],
                        "near": [row for row in rows if row["name"] in DISTANCES],
                    }
                    for group in sorted(groups, key=lambda each: each != EVERYTHING)
                    for rows in [_rows(folds, group)]
                ],
            }
        )
    return {
        "families": list(documents),
        "extractors": extractors,
        "details": _details(documents, list(names)),
    }


def of_extractor(
    document: Mapping[str, Any], fold: Mapping[str, Any], extractor: str
) -> dict[str, Mapping[str, Any]]:
    """A fold's groups of images as one extractor sees them."""
    if extractor == _extractors(document)[0]:
        return {group: each for group, each in fold.items() if group not in _APART}
    return dict(fold.get("features", {}).get(extractor, {}))


def title(figure: str) -> str:
    """What a figure is called."""
    return FIGURES.get(figure, (figure.replace("_", " "), ""))[0]


def in_order(figures: Iterable[str]) -> list[str]:
    """Figures in the order of reading, those without a line in `FIGURES` last."""
    places = {name: place for place, name in enumerate(FIGURES)}
    return sorted(dict.fromkeys(figures), key=lambda name: places.get(name, len(places)))


def _extractors(document: Mapping[str, Any]) -> list[str]:
    """The first is the one that the groups beside `features` and the means are of."""
    stated = document.get("features", "")
    first = [stated] if isinstance(stated, str) else list(stated)[:1]
    more = (name for fold in document["folds"].values() for name in fold.get("features", {}))
    return list(dict.fromkeys([*first, *more]))


def _rows(
    folds: Mapping[str, Sequence[Mapping[str, Mapping[str, Any]]]], group: str
) -> list[dict[str, Any]]:
    """One row a figure, its cells by family: the means over the folds that have the group."""
    found = {
        family: [fold[group] for fold in each if group in fold] for family, each in folds.items()
    }
    names = in_order(name for each in found.values() for figures in each for name in figures)
    return [
        {
            "name": name,
            "title": title(name),
            "hint": FIGURES.get(name, ("", ""))[1],
            "cells": [_cell(each, name) for each in found.values()],
        }
        for name in names
        if not name.endswith(_ERROR)
    ]


def _cell(folds: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Mean value and floor over folds, and the mean standard error where there is one."""
    return {
        "value": _mean(folds, name, "value"),
        "floor": _mean(folds, name, "floor"),
        "error": _mean(folds, f"{name}{_ERROR}", "value"),
    }


def _mean(folds: Sequence[Mapping[str, Any]], name: str, part: str) -> float | int | None:
    found = [figures[name] for figures in folds if name in figures]
    plain = [each if isinstance(each, Mapping) else {"value": each} for each in found]
    known = [each[part] for each in plain if each.get(part) is not None]
    if known and all(isinstance(value, int) and value == known[0] for value in known):
        return int(known[0])
    return float(np.mean(known)) if known else None


def _details(
    documents: Mapping[str, Mapping[str, Any]], extractors: Sequence[str]
) -> list[dict[str, Any]]:
    rows = []
    for family, document in documents.items():
        for model, fold in document["folds"].items():
            for extractor in extractors:
                groups = of_extractor(document, fold, extractor)
                for group, figures in groups.items():
                    above = {"family": family, "model": model, "group": group}
                    above["extractor"] = EXTRACTORS.get(extractor, extractor.replace("_", " "))
                    rows += [
                        {**above, "title": title(name), **_plain(figures[name])}
                        for name in in_order(figures)
                    ]
    return rows


def _plain(figure: Any) -> dict[str, Any]:
    if not isinstance(figure, Mapping):
        return {"value": figure, "floor": None, "low": None, "high": None}
    return {
        "value": figure.get("value"),
        "floor": figure.get("floor"),
        "low": figure.get("floor_low"),
        "high": figure.get("floor_high"),
    }
