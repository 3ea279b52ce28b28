"""How the GANs' trainings went: curves of the first fold, and what the monitors said of any."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.config import Params
from pipeline.report import formats, pictures
from pipeline.splits import fold_name

OUTCOMES = {
    "warn": "Training went on.",
    "stop": "The training was stopped.",
    "roll_back": "It was rolled back to the last good weights, at half the learning rate.",
}


def trainings(params: Params, root: Path) -> list[dict[str, Any]]:
    """The first fold's training curves of each family, and what the monitors found in any fold.

    Returns:
        A row a family that has either: `family`, `source` (a data URI or None), `says` (where the
        curves end, in words), `models` (trained ones), `findings`.
    """
    rows = []
    for family in params.train_gan.families:
        directory = root / "models" / family
        tables = {
            path.stem.removeprefix("history_"): pd.read_csv(path)
            for path in sorted((directory / fold_name(0, 0, 0)).glob("history*.csv"))
        }
        drawn = pictures.histories(tables)
        findings = _findings(directory)
        if drawn is not None or findings:
            rows.append(
                {
                    "family": family,
                    "source": None if drawn is None else pictures.inline(drawn),
                    "says": _ends(tables),
                    "models": len(list(directory.glob("*/history*.csv"))),
                    "findings": findings,
                }
            )
    return rows


def _findings(directory: Path) -> list[dict[str, Any]]:
    return [
        {
            "model": f"{path.parent.name}/{path.stem.removeprefix('findings_')}",
            "outcome": OUTCOMES.get(row["action"], ""),
            **{str(name): value for name, value in row.items()},
        }
        for path in sorted(directory.glob("*/findings*.csv"))
        for row in pd.read_csv(path).to_dict("records")
    ]


def _ends(tables: Mapping[str, pd.DataFrame]) -> str:
    """Where each model's curves end."""
    texts = []
    for name, table in tables.items():
        if "step" not in table or not len(table):
            continue
        last = table.iloc[-1]
        answers = [
            f"the discriminator gives {what} images {formats.figure(float(last[column]))}"
            for column, what in (("d_real", "real"), ("d_fake", "generated"))
            if column in table and pd.notna(last[column])
        ]
        losses = [
            f"{column.removeprefix('loss_')} loss {formats.figure(float(last[column]))}"
            for column in map(str, table)
            if column.startswith("loss_") and pd.notna(last[column])
        ]
        said = ", ".join([*answers, *losses])
        texts.append(f"Model {name} after step {int(last['step'])}: {said}.")
    return " ".join(texts)
