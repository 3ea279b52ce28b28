"""The whole curve of synthetic shares: what each would have given, and how often it was chosen.

`classify` trains every share that is offered and chooses one in each fold by validation loss. Here
all of them are shown, test rows included, which no choice has seen: a curve that is flat says that
the share hardly matters, and one whose chosen shares lie below others that validation misleads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.classifier.metrics import evaluate
from pipeline.imageset import ImageSet
from pipeline.report import formats, plots
from pipeline.report.scales import NAMES
from pipeline.splits import Splits
from pipeline.statistics.t_interval import t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RUN = ["share", "repeat", "fold", "seed"]
# Half of the last digit that predictions are written with.
_LEAST = 5e-7


def measure(
    arms: Sequence[str],
    images: ImageSet,
    splits: Splits,
    directory: Path,
    *,
    metric: str,
    confidence: float,
) -> dict[str, list[dict[str, Any]]]:
    """Measure every share of the arms for which several were tried, at the headline size.

    Args:
        arms: The arms to look at.
        images: All real images.
        splits: For the folds of the headline size.
        directory: Where predictions/<arm>.csv lie, checked by `outcomes.read` before.
        metric: The primary metric.
        confidence: Of the t-intervals over folds, seeds averaged.

    Returns:
        Arm -> one entry a share, rising: `share`, `folds` and in how many of them it was `chosen`,
        and `mean, low, high` of `val_loss`, and of the metric as `val` and `test`.
    """
    repeats = {repeat for repeat, _ in splits.folds(splits.sizes()[0])}
    found = {}
    for arm in arms:
        table = pd.read_csv(directory / f"{arm}.csv", dtype={"label": str}, keep_default_na=False)
        table = table[table["repeat"].isin(repeats)]
        if table["share"].nunique() > 1:
            found[arm] = _of_arm(table, images, metric, confidence)
    return found


def draw(
    shares: Mapping[str, Sequence[Mapping[str, Any]]], metric: str, confidence: float, path: Path
) -> None:
    """Draw what chooses beside what it gives: validation loss and the test metric by share.

    Args:
        shares: From `measure`.
        metric: The primary metric.
        confidence: Of the bands.
        path: The PNG file; its numbers go beside it as CSV.
    """
    figure = plots.blank(9.4, 4.2)
    panels = figure.subplots(1, 2)
    titles = {"val_loss": "validation loss, which chooses", "test": f"test {NAMES[metric]}"}
    for panel, (key, title) in zip(panels, titles.items(), strict=True):
        for row, (arm, points) in enumerate(shares.items()):
            _draw_line(panel, arm, points, key, plots.COLOURS[row % len(plots.COLOURS)])
        panel.set_xticks(sorted({point["share"] for each in shares.values() for point in each}))
        panel.set_title(title, fontsize=10)
        panel.grid(color="0.92")
    figure.supxlabel(
        "synthetic share of each batch\n"
        f"(band: {formats.percent(confidence)} interval over folds; "
        "numbers: in how many folds it was chosen)",
        fontsize=9,
    )
    named = panels[0].get_legend_handles_labels()
    figure.legend(*named, loc="outside upper center", ncols=3, fontsize=9)
    plots.save(figure, path)
    rows = [
        {"arm": arm, "share": point["share"], "figure": key, **point[key],
         "chosen": point["chosen"], "folds": point["folds"]}
        for arm, points in shares.items() for point in points for key in ("val_loss", "val", "test")
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    table.to_csv(path.with_suffix(".csv"), index=False, lineterminator="\n", float_format="%.6g")


def _draw_line(
    panel: Axes, arm: str, points: Sequence[Mapping[str, Any]], key: str, colour: str
) -> None:
    x = [point["share"] for point in points]
    low, mean, high = (
        np.array([point[key][part] for point in points], np.float64)
        for part in ("low", "mean", "high")
    )
    panel.fill_between(x, low, high, color=colour, alpha=0.13, lw=0)
    panel.plot(x, mean, color=colour, lw=1.8, marker="o", ms=5, label=arm)
    for point, height in zip(points, mean, strict=True):
        panel.annotate(
            f"{point['chosen']}/{point['folds']}", (point["share"], height), (0, 5),
            textcoords="offset points", color=colour, fontsize=8, ha="center",
        )  # fmt: skip


def _of_arm(
    table: pd.DataFrame, images: ImageSet, metric: str, confidence: float
) -> list[dict[str, Any]]:
    runs = pd.DataFrame([_of_run(rows, images, metric) for _, rows in table.groupby(RUN)])
    folds = len(runs.groupby(["repeat", "fold"]))
    result = []
    for share, mine in runs.groupby("share"):
        chosen = mine[mine["chosen"].eq(1)].groupby(["repeat", "fold"])
        point: dict[str, Any] = {"share": float(str(share)), "folds": folds, "chosen": len(chosen)}
        for key in ("val_loss", "val", "test"):
            of_folds = mine.groupby(["repeat", "fold"])[key].mean()
            mean, low, high = t_interval(of_folds, confidence)
            point[key] = {"mean": mean, "low": low, "high": high}
        result.append(point)
    return result


def _of_run(rows: pd.DataFrame, images: ImageSet, metric: str) -> dict[str, float]:
    """One trained classifier: what it was, its validation loss, and the metric on both parts."""
    classes, first = images.meta.classes, rows.iloc[0]
    result = {name: first[name] for name in (*RUN, "chosen")}
    for part in ("val", "test"):
        mine = rows[rows["part"].eq(part)]
        labels = np.array([classes.index(label) for label in mine["label"]], np.int64)
        scores = mine[[f"prob_{name}" for name in classes]].to_numpy(np.float64)
        result[part] = evaluate(labels, scores, classes, images.meta.positive_class)[metric]
        if part == "val":
            of_truth = np.maximum(scores[np.arange(len(labels)), labels], _LEAST)
            result["val_loss"] = float(-np.log(of_truth).mean())
    return result
