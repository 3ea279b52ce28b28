"""How good families are after so many seconds, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from pipeline.report.plots import COLOURS, blank, save

_DASHES = ("-", "--", ":")


def curve_of(models: Sequence[Sequence[Mapping[str, float]]], steps: int) -> list[list[float]]:
    """Mean score of a family's models against the share of their training that is over.

    Args:
        models: Rows of each model's history; those with a `score` count.
        steps: Of a training.

    Returns:
        Pairs of share and score, in order; empty if nothing was scored.
    """
    scored = [
        [(row["step"] / steps, row["score"]) for row in rows if "score" in row] for rows in models
    ]
    return [
        [together[0][0], sum(score for _, score in together) / len(together)]
        for together in zip(*scored, strict=False)
    ]


def best_after(found: Mapping[str, Any], seconds: float) -> float | None:
    """The best score that a family had reached by then; none if it had none yet."""
    curve = found.get("curve", ())
    scores = [score for share, score in curve if share * found["seconds"] <= seconds]
    return min(scores, default=None)


def draw_learning(figures: Mapping[str, Mapping[str, Any]], path: Path, *, default: str) -> None:
    """Draw each family's best score so far against CPU seconds, the default's line bold.

    Args:
        figures: By family, with `curve` and `seconds`; one without a curve is left out.
        path: A .png file; it is not written if no family has a curve.
        default: The family to stand out.
    """
    if not any(found.get("curve") for found in figures.values()):
        return
    figure = blank(7.5, 4.2)
    axes = figure.subplots()
    axes.set_prop_cycle(color=COLOURS)
    for number, (name, found) in enumerate(figures.items()):
        if not found.get("curve"):
            continue
        seconds = [share * found["seconds"] for share, _ in found["curve"]]
        best = list(accumulate((score for _, score in found["curve"]), min))
        bold = name == default
        axes.step(
            seconds,
            best,
            where="post",
            label=name,
            linewidth=2.6 if bold else 1.1,
            color="black" if bold else None,
            linestyle="-" if bold else _DASHES[number // len(COLOURS) % len(_DASHES)],
            zorder=3 if bold else 2,
        )
    axes.set_yscale("log")
    axes.set_xlabel("CPU seconds, all models of a family")
    axes.set_ylabel("KID of textures to validation images")
    axes.legend(ncols=2, fontsize=8, frameon=False)
    axes.grid(color="0.92")
    save(figure, path)
