"""The figures of the comparison, each with its numbers as CSV beside it.

Drawn without pyplot's global state and saved without dates or version strings, so that the same
numbers give the same bytes. The CSV files feed `dvc plots`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.report import formats
from pipeline.report.scales import NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C510A", "#595959")
VERDICT_COLOURS = {
    "helps": "#009E73",
    "harms": "#D55E00",
    "equivalent": "#0072B2",
    "no evidence": "#595959",
}
# Places on an axis that are each told by a number; more leave it to the plotting library.
_TICKS = 7
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")


@dataclass(frozen=True)
class Line:
    """One line of a chart with its band.

    Args:
        label: Its name in the legend.
        x: (n,) rising.
        y: (n,); None or NaN leaves a gap.
        low: (n,) lower edge of the band.
        high: (n,) upper edge.
        colour: As `colours` gives it to an arm.
        marker: As `markers` gives it to an arm.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]
    colour: str
    marker: str = "o"


def colours(arms: Iterable[str]) -> dict[str, str]:
    """Arm -> its colour in every figure.

    Args:
        arms: All arms of the comparison, in the order of params.yaml.
    """
    return {arm: COLOURS[row % len(COLOURS)] for row, arm in enumerate(arms)}


def markers(arms: Iterable[str]) -> dict[str, str]:
    """Arm -> its marker in every chart of lines, which tells it apart without colour."""
    return {arm: MARKERS[row % len(MARKERS)] for row, arm in enumerate(arms)}


def draw_curve(
    path: Path, lines: Sequence[Line], *, x_label: str, y_label: str, log: bool = False
) -> None:
    """Draw lines with bands in one panel, with the legend beside it.

    Args:
        path: The PNG file.
        lines: What is drawn.
        x_label: What the horizontal axis shows.
        y_label: What the vertical axis shows.
        log: Space the horizontal axis by ratios.
    """
    figure = blank(7.4, 4.0)
    axes = figure.subplots()
    add_curve(axes, lines, x_label=x_label, y_label=y_label, log=log)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", fontsize=8)
    save(figure, path)


def add_curve(
    axes: Axes, lines: Sequence[Line], *, x_label: str, y_label: str, log: bool = False
) -> None:
    """Draw lines with bands into a panel; see `draw_curve`.

    At few places bands of several lines would lie on each other; there they are bars side by side.
    """
    places = sorted({float(x) for line in lines for x in line.x})
    if log:
        axes.set_xscale("log")
    few = len(places) <= _TICKS
    for row, line in enumerate(lines):
        y, low, high = (_gaps(part) for part in (line.y, line.low, line.high))
        style: dict[str, Any] = {
            "color": line.colour,
            "marker": line.marker,
            "lw": 1.8,
            "label": line.label,
        }
        x = _aside(line.x, places, row - (len(lines) - 1) / 2, log=log) if few else list(line.x)
        if few:
            axes.vlines(x, low, high, color=line.colour, lw=2.2, alpha=0.45)
        else:
            axes.fill_between(x, low, high, color=line.colour, alpha=0.1, lw=0)
            style["markevery"] = max(1, len(x) // _TICKS)
        axes.plot(x, y, ms=5, mec="white", mew=0.6, **style)
    if few:
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.set_xticks([], minor=True)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(color="0.92")


def _aside(x: Sequence[float], places: Sequence[float], steps: float, *, log: bool) -> list[float]:
    """Move a line's places by some small steps, so that its bars stand beside the others'."""
    if len(places) < 2:
        return [place + 0.02 * steps * max(abs(place), 1) for place in x]
    if log:
        step = (places[-1] / places[0]) ** 0.011
        return [place * step**steps for place in x]
    step = 0.011 * (places[-1] - places[0])
    return [place + step * steps for place in x]


def draw_arms(
    arms: Mapping[str, Mapping[str, Any]],
    runs: Sequence[Mapping[str, Any]],
    metrics: Sequence[str],
    confidence: float,
    path: Path,
) -> None:
    """Draw each arm's mean and interval, with every training run as a dot.

    Runs of the same fold and seed are joined by a line: they share their test patients, and the
    comparison is between points on one line.

    Args:
        arms: The `arms` of comparison.json.
        runs: The `runs` of comparison.json.
        metrics: One panel each.
        confidence: Of the intervals, for the label.
        path: The PNG file.
    """
    names = list(arms)
    figure = blank(4.6 * len(metrics) + 1.2, 0.55 * len(names) + 1.4)
    axes = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for panel, metric in zip(axes, metrics, strict=True):
        for points in _paired(runs, names, metric):
            panel.plot(points, range(len(names)), color="0.8", lw=0.7, zorder=1)
            panel.plot(points, range(len(names)), "o", color="0.35", ms=2.5, zorder=3)
        for row, (name, colour) in enumerate(colours(names).items()):
            figures = arms[name][metric]
            if figures["mean"] is None:
                continue
            span = [figures["low"], figures["high"]]
            panel.plot(span, [row, row], color=colour, lw=7, alpha=0.4, zorder=2)
            panel.plot(figures["mean"], row, "D", color=colour, ms=8, mec="white", zorder=4)
        panel.set_xlabel(
            f"{NAMES[metric]}\n"
            f"(diamond: mean, bar: {formats.percent(confidence)} interval, dots: each run)"
        )
        panel.grid(axis="x", color="0.92")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    save(figure, path)


def draw_contrasts(
    contrasts: Sequence[Mapping[str, Any]],
    metric: str,
    confidence: float,
    margin: float,
    path: Path,
) -> None:
    """Draw the differences that decide, with their intervals and verdicts, around zero.

    Args:
        contrasts: The `contrasts` of comparison.json, of one size or of several.
        metric: What the differences are in.
        confidence: Of the intervals, for the label.
        margin: Of equivalence; drawn as a band around zero.
        path: The PNG file.
    """
    figure = blank(7.6, 0.62 * max(len(contrasts), 1) + 1.3)
    axes = figure.subplots()
    several = len({contrast["train_patients"] for contrast in contrasts}) > 1
    axes.axvspan(-margin, margin, color="0.93", lw=0)
    axes.axvline(0, color="0.2", lw=1)
    for row, contrast in enumerate(contrasts):
        colour = VERDICT_COLOURS[contrast["verdict"]]
        axes.plot(_gaps([contrast["low"], contrast["high"]]), [row, row], color=colour, lw=3)
        axes.plot(contrast["difference"], row, "D", color=colour, ms=8, mec="white")
        equal = contrast["verdict"] == "equivalent"
        decides = contrast["equivalence"] if equal else contrast
        text = f"{contrast['verdict']}  (p = {decides['p_holm']:.2g})"
        text += ", exploratory" if contrast["family"] == "exploratory" else ""
        axes.annotate(
            text, (contrast["difference"], row), (0, 9), textcoords="offset points",
            ha="center", color=colour, fontsize=9, bbox={"color": "white", "pad": 1},
        )  # fmt: skip
    labels = [
        f"{contrast['arm']}\nminus {contrast['against']}"
        + (f",\n{formats.size(contrast['train_patients'], sentence=True)}" if several else "")
        for contrast in contrasts
    ]
    axes.set_yticks(range(len(contrasts)), labels)
    axes.set_ylim(len(contrasts) - 0.5, -0.7)
    axes.set_xlabel(
        f"difference in {NAMES[metric]} ({formats.percent(confidence)} interval, p after Holm;\n"
        "grey: too small to matter)"
    )
    axes.grid(axis="x", color="0.92")
    save(figure, path)


def write_tables(
    arms: Mapping[str, Mapping[str, Any]],
    contrasts: Sequence[Mapping[str, Any]],
    directory: Path,
) -> None:
    """Write the figures' numbers: arms.csv, contrasts.csv and reliability.csv."""
    rows = [
        {"arm": arm, "metric": metric, **figures}
        for arm, by_metric in arms.items()
        for metric, figures in by_metric.items()
        if metric in NAMES
    ]
    write_table(pd.DataFrame(rows), directory / "arms.csv")
    columns = ["arm", "against", "metric", "train_patients", "difference", "low", "high"]
    columns += ["p", "p_holm", "family", "verdict"]
    write_table(pd.DataFrame(contrasts, columns=columns), directory / "contrasts.csv")
    bins = [{"arm": arm, **row} for arm in arms for row in arms[arm].get("reliability", [])]
    if bins:
        write_table(pd.DataFrame(bins), directory / "reliability.csv")


def _gaps(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _paired(
    runs: Sequence[Mapping[str, Any]], names: Sequence[str], metric: str
) -> list[list[float]]:
    """For each fold and seed, the metric of every arm in order."""
    table: dict[tuple[int, int, int], dict[str, float]] = {}
    for run in runs:
        key = run["repeat"], run["fold"], run["seed"]
        value = run["metrics"][metric]
        table.setdefault(key, {})[run["arm"]] = math.nan if value is None else value
    return [[table[key][name] for name in names] for key in sorted(table)]


def blank(width: float, height: float) -> Figure:
    """Begin a picture of so many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=130, layout="constrained", facecolor="white")


def save(figure: Figure, path: Path) -> None:
    """Write a picture without a date or version in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for axes in figure.axes:
        _calm(axes)
    figure.savefig(path, metadata={"Software": None})


def _calm(axes: Axes) -> None:
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a figure's numbers, the same bytes for the same numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, lineterminator="\n", float_format="%.6g")
