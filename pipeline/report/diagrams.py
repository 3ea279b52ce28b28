"""Further figures of the comparison: by number of patients, by subgroup, and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.report.plots import (
    Line,
    add_curve,
    blank,
    colours,
    markers,
    save,
    write_table,
)  # fmt: skip
from pipeline.report.scales import NAMES


def draw_patients(
    arms: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
    order: Sequence[str],
    metrics: Sequence[str],
    path: Path,
) -> None:
    """Draw each arm against the number of training patients, and write the CSV beside it.

    Args:
        arms: `curves.patients.arms` of comparison.json.
        order: The arms in the order of params.yaml.
        metrics: One panel each.
        path: The PNG file.
    """
    colour, marker = colours(order), markers(order)
    figure = blank(4.3 * len(metrics) + 2.2, 3.9)
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=True):
        lines = [
            _line(arm, arms[arm][metric], "patients", colour[arm], marker[arm]) for arm in order
        ]
        add_curve(panel, lines, x_label="training patients", y_label=NAMES[metric], log=True)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside right center", fontsize=8)
    save(figure, path)
    rows = [
        {"arm": arm, "metric": metric, **point}
        for arm in order
        for metric in metrics
        for point in arms[arm][metric]
    ]
    write_table(pd.DataFrame(rows), path.with_suffix(".csv"))


def draw_reliability(
    arms: Mapping[str, Mapping[str, Any]], positive_class: str | None, path: Path
) -> None:
    """Draw how often predictions came true, a panel an arm, on the diagonal where they are right.

    Args:
        arms: The `arms` of comparison.json, in the order of params.yaml.
        positive_class: Whose probabilities they are, or None for the most probable class's.
        path: The PNG file.
    """
    columns = min(4, len(arms))
    rows = -(-len(arms) // columns)
    figure = blank(2.5 * columns + 0.6, 2.5 * rows + 0.7)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for place, panel in enumerate(panels):
        if place >= len(arms):
            panel.remove()
        elif place + columns >= len(arms):
            panel.tick_params(labelbottom=True)  # the lowest of its column, in whatever row
    for panel, (arm, colour) in zip(panels, colours(arms).items(), strict=False):
        points = arms[arm]["reliability"]
        most = max(point["images"] for point in points)
        panel.plot([0, 1], [0, 1], color="0.75", lw=1)
        for point in points:
            span = [point["low"], point["high"]]
            panel.plot([point["predicted"]] * 2, span, color=colour, lw=2, alpha=0.4)
        sizes = [8 + 60 * point["images"] / most for point in points]
        said, seen = ([point[key] for point in points] for key in ("predicted", "observed"))
        panel.scatter(said, seen, sizes, color=colour, edgecolor="white", zorder=3)
        panel.set_title(f"{arm}\ncalibration error {arms[arm]['ece']['mean']:.3f}", fontsize=9)
        panel.set_xlim(-0.02, 1.02)
        panel.set_ylim(-0.02, 1.02)
        panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        panel.set_aspect("equal")
        panel.grid(color="0.92")
    of = positive_class or "the most probable class"
    figure.supxlabel(f"predicted probability of {of} (dot: larger for more images)", fontsize=9)
    figure.supylabel("how often it was true", fontsize=9)
    save(figure, path)


def draw_subgroups(parts: Sequence[Mapping[str, Any]], metric: str, path: Path) -> None:
    """Draw the differences of each subgroup around zero, a panel a pair of arms, and the CSV.

    Args:
        parts: The `subgroups` of comparison.json.
        metric: What the differences are in.
        path: The PNG file.
    """
    pairs = list(dict.fromkeys((d["arm"], d["against"]) for p in parts for d in p["differences"]))
    columns = list(dict.fromkeys(part["column"] for part in parts))
    labels = [f"{p['column']}: {p['level']}  ({p['groups']} patients)" for p in parts]
    figure = blank(2.7 * max(len(pairs), 1) + 2.8, 0.32 * len(parts) + 1.5)
    panels = figure.subplots(1, max(len(pairs), 1), squeeze=False, sharey=True, sharex=True)[0]
    for panel, pair in zip(panels, pairs, strict=False):
        panel.axvline(0, color="0.2", lw=1)
        for row, part in enumerate(parts):
            shade = "0.15" if columns.index(part["column"]) % 2 == 0 else "#0072B2"
            for found in part["differences"]:
                if (found["arm"], found["against"]) == pair and found["low"] is not None:
                    panel.plot([found["low"], found["high"]], [row, row], color=shade, lw=2)
                    panel.plot(found["difference"], row, "D", color=shade, ms=6, mec="white")
        panel.set_title(f"{pair[0]}\nminus {pair[1]}", fontsize=9)
        panel.grid(axis="x", color="0.92")
    panels[0].set_yticks(range(len(parts)), labels, fontsize=8)
    panels[0].set_ylim(len(parts) - 0.5, -0.5)
    figure.supxlabel(f"difference in {NAMES[metric]}; exploratory, no verdicts", fontsize=9)
    save(figure, path)
    rows = [
        {"column": part["column"], "level": part["level"], "groups": part["groups"], **found}
        for part in parts
        for found in part["differences"]
    ]
    columns = ["column", "level", "groups", "arm", "against", "metric", "difference", "low", "high"]
    write_table(pd.DataFrame(rows, columns=columns), path.with_suffix(".csv"))


def _line(arm: str, points: Sequence[Mapping[str, Any]], x: str, colour: str, marker: str) -> Line:
    places, y, low, high = ([point[key] for point in points] for key in (x, "mean", "low", "high"))
    return Line(arm, places, y, low, high, colour, marker)
