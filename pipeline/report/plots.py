"""The figures of the comparison, each with its numbers as CSV beside it.

Drawn without pyplot's global state and saved without dates or version strings, so that the same
numbers give the same bytes. The CSV files feed `dvc plots`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.report.outcomes import Outcomes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C510A", "#595959")
VERDICT_COLOURS = {"helps": "#009E73", "harms": "#D55E00", "no evidence": "#595959"}
NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "auc": "area under the ROC curve",
    "f1": "F1",
    "ece": "calibration error",
}
_GRID = np.linspace(0, 1, 101)


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
        for row, name in enumerate(names):
            figures = arms[name][metric]
            if figures["mean"] is None:
                continue
            colour = COLOURS[row % len(COLOURS)]
            span = [figures["low"], figures["high"]]
            panel.plot(span, [row, row], color=colour, lw=7, alpha=0.4, zorder=2)
            panel.plot(figures["mean"], row, "D", color=colour, ms=8, mec="white", zorder=4)
        panel.set_xlabel(
            f"{NAMES[metric]}\n(diamond: mean, bar: {confidence:.0%} interval, dots: each run)"
        )
        panel.grid(axis="x", color="0.92")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    save(figure, path)


def draw_contrasts(
    contrasts: Sequence[Mapping[str, Any]], metric: str, confidence: float, path: Path
) -> None:
    """Draw the differences that decide, with their intervals and verdicts, around zero."""
    figure = blank(7.6, 0.62 * max(len(contrasts), 1) + 1.3)
    axes = figure.subplots()
    axes.axvline(0, color="0.2", lw=1)
    for row, contrast in enumerate(contrasts):
        colour = VERDICT_COLOURS[contrast["verdict"]]
        axes.plot([contrast["low"], contrast["high"]], [row, row], color=colour, lw=3)
        axes.plot(contrast["difference"], row, "D", color=colour, ms=8, mec="white")
        text = f"{contrast['verdict']}  (p = {contrast['p_holm']:.2g})"
        axes.annotate(
            text, (contrast["difference"], row), (0, 9), textcoords="offset points",
            ha="center", color=colour, fontsize=9, bbox={"color": "white", "pad": 1},
        )  # fmt: skip
    labels = [f"{contrast['arm']}\nminus {contrast['against']}" for contrast in contrasts]
    axes.set_yticks(range(len(contrasts)), labels)
    axes.set_ylim(len(contrasts) - 0.5, -0.7)
    axes.set_xlabel(f"difference in {NAMES[metric]} ({confidence:.0%} interval, p after Holm)")
    axes.grid(axis="x", color="0.92")
    save(figure, path)


def draw_confusion(outcomes: Outcomes, path: Path) -> None:
    """Draw the share of each class's test images that went to each class, a panel an arm."""
    names = outcomes.classes
    columns = min(4, len(outcomes.arms))
    rows = math.ceil(len(outcomes.arms) / columns)
    cell = 0.55 * len(names) + 1.5
    figure = blank(cell * columns + 0.8, (cell + 0.1) * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for panel in panels[len(outcomes.arms) :]:
        panel.remove()
    for panel, arm in zip(panels, outcomes.arms, strict=False):
        counts = confusion(outcomes, arm)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
        panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (i, k), share in np.ndenumerate(shares):
            colour = "white" if share > 0.55 else "black"
            panel.text(k, i, f"{share:.0%}", ha="center", va="center", color=colour, fontsize=9)
        panel.set_title(arm, fontsize=10)
        panel.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=8)
        panel.set_yticks(range(len(names)), names, fontsize=8)
    figure.supxlabel("predicted", fontsize=9)
    figure.supylabel("actual", fontsize=9)
    save(figure, path)


def draw_roc(outcomes: Outcomes, path: Path) -> None:
    """Draw each arm's mean ROC curve: of the positive class, or of each class against the rest."""
    positive = outcomes.positive
    shown = range(len(outcomes.classes)) if positive is None else [positive]
    figure = blank(3.6 * len(shown) + 2.2, 3.9)
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for panel, k in zip(panels, shown, strict=True):
        panel.plot([0, 1], [0, 1], color="0.8", lw=1)
        for row, arm in enumerate(outcomes.arms):
            colour = COLOURS[row % len(COLOURS)]
            panel.plot(_GRID, roc(outcomes, arm, k), color=colour, lw=1.8, label=arm)
        panel.set_title(outcomes.classes[k], fontsize=10)
        panel.set_xlabel("false positive rate")
        panel.set_aspect("equal")
        panel.set_xlim(-0.01, 1.01)
        panel.set_ylim(-0.01, 1.01)
    panels[0].set_ylabel("true positive rate")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    save(figure, path)


def confusion(outcomes: Outcomes, arm: str) -> NDArray[np.float64]:
    """Test images of an arm by actual (rows) and predicted class, averaged over seeds, (K, K)."""
    counts = np.zeros((len(outcomes.classes),) * 2)
    for fold in outcomes.folds:
        decided = fold.probabilities[arm].argmax(axis=2)
        np.add.at(counts, (np.broadcast_to(fold.labels, decided.shape), decided), 1)
    return counts / len(outcomes.seeds)


def roc(outcomes: Outcomes, arm: str, k: int) -> NDArray[np.float64]:
    """True positive rates of one class against the rest at 101 false positive rates.

    Averaged vertically over folds and seeds, whose scores share no scale.

    Source: Fawcett 2006, doi:10.1016/j.patrec.2005.10.010, algorithm 3.
    """
    curves = []
    for fold in outcomes.folds:
        actual = fold.labels == k
        if actual.all() or not actual.any():
            continue
        for scores in fold.probabilities[arm][:, :, k]:
            order = np.argsort(-scores, kind="stable")
            ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
            hits = np.append(0, np.cumsum(actual[order])[ends]) / actual.sum()
            false = np.append(0, np.cumsum(~actual[order])[ends]) / (~actual).sum()
            curves.append(np.interp(_GRID, false, hits))
    return np.mean(curves, axis=0) if curves else np.full(len(_GRID), np.nan)


def write_tables(
    outcomes: Outcomes,
    arms: Mapping[str, Mapping[str, Any]],
    contrasts: Sequence[Mapping[str, Any]],
    directory: Path,
) -> None:
    """Write the figures' numbers: arms.csv, contrasts.csv, confusion.csv and roc.csv."""
    rows = [
        {"arm": arm, "metric": metric, **figures}
        for arm, by_metric in arms.items()
        for metric, figures in by_metric.items()
        if metric in NAMES
    ]
    _write(pd.DataFrame(rows), directory / "arms.csv")
    columns = ["arm", "against", "metric", "difference", "low", "high", "p", "p_holm", "verdict"]
    _write(pd.DataFrame(contrasts, columns=columns), directory / "contrasts.csv")
    tables = [_confusion_table(outcomes, arm) for arm in outcomes.arms]
    _write(pd.concat(tables), directory / "confusion.csv")
    positive = outcomes.positive
    shown = range(len(outcomes.classes)) if positive is None else [positive]
    curves = [_roc_table(outcomes, arm, k) for arm in outcomes.arms for k in shown]
    _write(pd.concat(curves), directory / "roc.csv")


def _confusion_table(outcomes: Outcomes, arm: str) -> pd.DataFrame:
    counts = confusion(outcomes, arm)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
    names = np.array(outcomes.classes)
    return pd.DataFrame(
        {
            "arm": arm,
            "actual": np.repeat(names, len(names)),
            "predicted": np.tile(names, len(names)),
            "images": counts.ravel(),
            "share": shares.ravel(),
        }
    )


def _roc_table(outcomes: Outcomes, arm: str, k: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "arm": arm,
            "class": outcomes.classes[k],
            "false_positive_rate": _GRID,
            "true_positive_rate": roc(outcomes, arm, k),
        }
    )


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


def _write(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, lineterminator="\n", float_format="%.6g")
