"""How an arm's scores decide: confusion matrices and ROC curves, and their numbers as CSV."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.report.outcomes import Outcomes
from pipeline.report.plots import blank, colours, save, write_table

_GRID = np.linspace(0, 1, 101)


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
        for arm, colour in colours(outcomes.arms).items():
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


def write_tables(outcomes: Outcomes, directory: Path) -> None:
    """Write the figures' numbers: confusion.csv and roc.csv."""
    tables = [_confusion_table(outcomes, arm) for arm in outcomes.arms]
    write_table(pd.concat(tables), directory / "confusion.csv")
    positive = outcomes.positive
    shown = range(len(outcomes.classes)) if positive is None else [positive]
    curves = [_roc_table(outcomes, arm, k) for arm in outcomes.arms for k in shown]
    write_table(pd.concat(curves), directory / "roc.csv")


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
