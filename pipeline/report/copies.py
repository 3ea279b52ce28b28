"""Whether synthetic images are copies: findings, figures and pictures of every family.

Read from `folds[..].copies` of metrics/assess/<family>.json. Over a family's models a figure is
their mean, and its bounds are the widest of any model's. To name a space or an attack for readers:
a line in `SPACES` or `ATTACKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config import Params
from pipeline.report import pictures
from pipeline.report.quality import EXTRACTORS
from pipeline.splits import fold_name

SPACES = {
    "pixels": "Pixels, after flips, turns and shifts",
    "pixels_coarse": "Coarse pixels, after flips, turns and shifts",
    "mixtures": "Mixtures of two training images",
    **EXTRACTORS,
}
ATTACKS = {
    "distance": "by distance",
    "calibrated": "by distance against what is usual",
    "discriminator": "by the discriminator's score",
}

Models = Mapping[str, Mapping[str, Any]]
MADE_FROM_ROWS = (
    "Each of its images is made from a training row (a scan, or its mask), which the image's own "
    "row names: likeness to that is by design, and what was kept of it is still the patient's."
)
_MOST_NAMED = 3


def made_from_rows(root: Path, families: Iterable[str]) -> set[str]:
    """The families whose images are each made from a training row, as their manifests say."""
    found = set()
    for family in families:
        for path in sorted((root / "data/synthetic" / family).glob("*/manifest.csv"))[:1]:
            named = pd.read_csv(path, usecols=["parent_ids"], dtype=str, keep_default_na=False)
            if named["parent_ids"].ne("").any():
                found.add(family)
    return found


def copies(
    documents: Mapping[str, Mapping[str, Any]], from_rows: Collection[str] = ()
) -> dict[str, Any] | None:
    """The copy checks of all families.

    Args:
        documents: By family, from `quality.documents`.
        from_rows: From `made_from_rows`: of these likeness is no surprise, and that is said.

    Returns:
        `families`, one each with `findings` (words, and the models that they are about),
        `flagged` (images), `copying` and `models` (counts); `spaces` and `membership`, rows with a
        cell a family; `details`, a row a family, model and space. None if no family was checked.
    """
    checked: dict[str, Models] = {
        family: {
            model: fold["copies"] for model, fold in document["folds"].items() if fold.get("copies")
        }
        for family, document in documents.items()
    }
    checked = {family: models for family, models in checked.items() if models}
    if not checked:
        return None
    spaces = _names(checked, _spaces)
    attacks = _names(checked, _attacks)
    return {
        "families": [
            _family(family, models, from_rows=family in from_rows)
            for family, models in checked.items()
        ],
        "spaces": [
            {
                "title": space_title(space),
                "cells": [_space(models, space) for models in checked.values()],
            }
            for space in spaces
        ],
        "membership": [
            {
                "title": attack_title(attack),
                "cells": [_attack(models, attack) for models in checked.values()],
            }
            for attack in attacks
        ],
        "details": _details(checked),
    }


def nearest_pairs(
    params: Params, root: Path, found: Mapping[str, Any] | None
) -> list[dict[str, str]]:
    """The picture of each family's first model, with what it says.

    Args:
        params: The families.
        root: The project's root.
        found: From `copies`.

    Returns:
        A row a picture: `family`, `source` (a data URI), `says`.
    """
    findings = {
        each["family"]: each["findings"][0]["words"]
        for each in (found or {"families": ()})["families"]
        if each["findings"]
    }
    rows = []
    for family in params.synthetic:
        path = root / "plots/assess" / family / f"pairs_{fold_name(0, 0, 0)}.png"
        if path.exists():
            says = (
                f"The synthetic images of the family {family} that are most like training images, "
                f"each with the training image that it is most like. {findings.get(family, '')}"
            )
            source = pictures.inline(path.read_bytes())
            rows.append({"family": family, "source": source, "says": says.strip()})
    return rows


def space_title(name: str) -> str:
    """What a space in which distances are measured is called."""
    return SPACES.get(name, name.replace("_", " ").capitalize())


def attack_title(name: str) -> str:
    """What a way to guess who was trained on is called."""
    kind, _, space = name.partition("_")
    words = ATTACKS.get(kind, name.replace("_", " "))
    return f"{words}: {space_title(space)}" if kind in ATTACKS and space else words


def _spaces(check: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = check.get("spaces") or {}
    return found


def _attacks(check: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (check.get("membership") or {}).get("attacks") or {}
    return found


def _names(
    checked: Mapping[str, Models], of: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> list[str]:
    return list(
        dict.fromkeys(
            name for models in checked.values() for check in models.values() for name in of(check)
        )
    )


def _family(family: str, models: Models, *, from_rows: bool) -> dict[str, Any]:
    by_words: dict[str, list[str]] = {}
    for model, check in models.items():
        by_words.setdefault(check["finding"], []).append(model)
        if from_rows:
            by_words.setdefault(MADE_FROM_ROWS, []).append(model)
    return {
        "family": family,
        "models": len(models),
        "copying": sum(check["copying"] is True for check in models.values()),
        "flagged": sum(check.get("flagged_images", 0) for check in models.values()),
        "findings": [
            {"words": words, "models": _named(of, len(models))} for words, of in by_words.items()
        ],
    }


def _named(some: Sequence[str], all_: int) -> str:
    """Which models a finding is about: by name where they are few."""
    if len(some) == all_ > 1:
        return "all models"
    if len(some) > _MOST_NAMED:
        return f"{len(some)} of {all_} models"
    return ("model " if len(some) == 1 else "models ") + ", ".join(some)


def _details(checked: Mapping[str, Models]) -> list[dict[str, Any]]:
    return [
        {"family": family, "model": model, "title": space_title(space), **figures}
        for family, models in checked.items()
        for model, check in models.items()
        for space, figures in _spaces(check).items()
    ]


def _space(models: Models, space: str) -> dict[str, Any]:
    found = [_spaces(check)[space] for check in models.values() if space in _spaces(check)]
    nearer = [{**each["nearer"], "value": each["nearer"]["auc"]} for each in found]
    return {
        "share": _over([each["share"] for each in found]),
        "expected": _mean([each["expected"] for each in found]),
        "nearer": _over(nearer),
    }


def _attack(models: Models, attack: str) -> dict[str, Any]:
    found = [_attacks(check)[attack] for check in models.values() if attack in _attacks(check)]
    return {kind: _over([each[kind] for each in found]) for kind in ("auc", "tpr")}


def _over(figures: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Mean of the values, and the widest bounds."""
    values, lows, highs = (
        [float(found) for each in figures if (found := each.get(key)) is not None]
        for key in ("value", "low", "high")
    )
    return {
        "value": _mean(values),
        "low": min(lows, default=None),
        "high": max(highs, default=None),
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
