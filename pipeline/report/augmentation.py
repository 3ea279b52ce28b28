"""The chart of accuracy over the number of images added, as lines of points over folds.

A point is one number of images in every fold; `lowest` says which one validation prefers in a
fold, and test figures are only shown. To draw another kind of image: one more line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.report import formats, plots
from pipeline.report.scales import NAMES
from pipeline.statistics.t_interval import t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "os^Dv"
COLUMNS = ("line", "asked", "added", "mean", "low", "high", "chosen", "folds")


@dataclass(frozen=True)
class FoldPoint:
    """What one fold's classifiers gave with some images added.

    Args:
        repeat: The fold's repeat.
        fold: The fold.
        copies: Classically augmented images added.
        images: Synthetic images added.
        val_loss: Validation loss, mean over seeds.
        values: The test figure of each seed.
    """

    repeat: int
    fold: int
    copies: int
    images: int
    val_loss: float
    values: tuple[float, ...]

    @property
    def added(self) -> int:
        """All images added."""
        return self.copies + self.images


Points = Mapping[int, Sequence[FoldPoint]]


def lowest(points: Points) -> dict[tuple[int, int], int]:
    """The size that validation prefers in each fold: the one of the lowest loss.

    Args:
        points: Size, as params.yaml has it -> its folds.

    Returns:
        (repeat, fold) -> size; of equal ones the first.
    """
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for asked, folds in points.items():
        for point in folds:
            place = point.repeat, point.fold
            if place not in best or point.val_loss < best[place][0]:
                best[place] = point.val_loss, asked
    return {place: asked for place, (_, asked) in best.items()}


def line(name: str, family: str, points: Points, confidence: float) -> dict[str, Any]:
    """Describe one line of the chart for metrics/curves.json.

    Args:
        name: What the legend says.
        family: The generator of its synthetic images; empty without.
        points: Size, as params.yaml has it -> its folds.
        confidence: Of the t-intervals over folds, seeds averaged.
    """
    best, rows = lowest(points), []
    for asked, folds in points.items():
        mean, low, high = t_interval([np.mean(point.values) for point in folds], confidence)
        each = [
            {
                **vars(point), "values": list(point.values), "mean": float(np.mean(point.values)),
                "chosen": best[point.repeat, point.fold] == asked,
            }
            for point in folds
        ]  # fmt: skip
        added = float(np.mean([point.added for point in folds]))
        row = {"asked": asked, "added": added, "mean": mean, "low": low, "high": high}
        rows.append(row | {"chosen": sum(point["chosen"] for point in each), "folds": each})
    return {"name": name, "family": family, "points": rows}


def draw(document: Mapping[str, Any], path: Path) -> None:
    """Draw the chart of metrics/curves.json, and write its numbers as CSV beside it.

    Args:
        document: The content of curves.json.
        path: The PNG file; not drawn without points.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {**point, "line": each["name"], "folds": len(point["folds"])}
        for each in document["lines"]
        for point in each["points"]
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    csv = path.with_suffix(".csv")
    table.to_csv(csv, index=False, lineterminator="\n", float_format="%.6g")
    if not rows:
        return
    figure = plots.blank(8.4, 4.2)
    axes = figure.subplots()
    for number, each in enumerate(document["lines"]):
        _draw_line(axes, each, number)
    if len(document["lines"]) > 1:
        start = document["lines"][1]["points"][0]
        axes.axvline(start["added"], color="0.75", lw=1, ls=":", zorder=0)
        label = "classical, each fold at its chosen size"
        axes.plot(start["added"], start["mean"], "D", color="0.2", ms=7, zorder=4, label=label)
    axes.set_xlabel(
        "images added to the real ones of a fold\n"
        f"(band: {formats.percent(document['confidence'])} interval over folds; "
        "ring: chosen by validation, in how many folds)"
    )
    axes.set_ylabel(f"test {NAMES[document['primary']]}")
    axes.grid(color="0.92")
    axes.margins(y=0.12)
    named = axes.get_legend_handles_labels()
    figure.legend(*named, loc="outside upper center", ncols=3, fontsize=9)
    plots.save(figure, path)


def _draw_line(axes: Axes, each: Mapping[str, Any], number: int) -> None:
    points = each["points"]
    colour, marker = plots.COLOURS[number % len(plots.COLOURS)], MARKERS[number % len(MARKERS)]
    x = [point["added"] for point in points]
    low, mean, high = (
        np.array([point[key] for point in points], np.float64) for key in ("low", "mean", "high")
    )
    axes.fill_between(x, low, high, color=colour, alpha=0.13, lw=0)
    axes.plot(x, mean, color=colour, lw=1.8, marker=marker, ms=5, label=each["name"])
    for point in points:
        if not point["chosen"]:
            continue
        place = point["added"], point["mean"]
        axes.plot(*place, "o", ms=12, mfc="none", mec=colour, mew=1.4)
        # All synthetic lines start at one point, where their numbers go one below the other.
        shift = 10 if number == 0 else -10 * (number if point["asked"] == 0 else 1)
        axes.annotate(
            f"{point['chosen']}/{len(point['folds'])}", place, (0, shift),
            textcoords="offset points", color=colour, fontsize=8, ha="center",
            va="bottom" if number == 0 else "top",
        )  # fmt: skip
