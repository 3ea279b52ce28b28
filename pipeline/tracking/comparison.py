"""A comparison as MLflow shows it: figures of arms and contrasts, and a child per classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, get_args

from pipeline import lockfile
from pipeline.config import MetricName, Params
from pipeline.tracking.run import Run

CLASSIFIER_TAGS = ("augmentation", "repeat", "fold", "seed")
METRIC_NAMES = get_args(MetricName)


def show_comparison(
    run: Run,
    result: Mapping[str, Any],
    params: Params,
    root: Path,
    shown: Sequence[Mapping[str, str]] = (),
) -> None:
    """Show a comparison: a figure per arm and contrast, plots, and a child per classifier.

    Figures of the headline size keep their names whatever further sizes there are.

    Args:
        run: The comparison's own run.
        result: The content of metrics/comparison.json.
        params: For the family that an arm's images come from.
        root: The project's root.
        shown: Tags of the children that are there already.
    """
    for size, document in _sizes(result).items():
        place = "" if size == result["train_patients"] else f" with {size} patients"
        for arm, figures in document["arms"].items():
            values = {f"{arm}{place}/{key}": figures[key]["mean"] for key in METRIC_NAMES}
            run.metrics(_finite(values))
        for row in document["contrasts"]:
            name = f"{row['arm']} minus {row['against']}{place}/{row['metric']}"
            run.metrics(_finite({name: row["difference"]}))
    run.artifact(root / "metrics/comparison.json")
    run.artifact(root / "plots/compare", "plots")
    keys = {entry.item: entry.key for entry in lockfile.read(root / "dvc.lock", "classify")}
    there = {tuple(tags.get(name) for name in CLASSIFIER_TAGS) for tags in shown}
    for row in classifiers(result):
        tags = {"augmentation": row["arm"], **{name: row[name] for name in CLASSIFIER_TAGS[1:]}}
        if tuple(str(value) for value in tags.values()) in there:
            continue
        directory, _, family = params.classify.arms[row["arm"]].images.rpartition("/")
        more = {"family": family} if directory == "data/synthetic" else {}
        more["train_patients"] = row["train_patients"]
        more["stage_key"] = keys.get(row["arm"], "")
        name = f"{row['arm']} r{row['repeat']}f{row['fold']}s{row['seed']}"
        run.child(name, tags | more, _finite(row["metrics"]))


def classifiers(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every trained classifier of a comparison, of all sizes of the training part."""
    return [row for document in _sizes(result).values() for row in document["runs"]]


def _sizes(result: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    return result.get("sizes") or {result["train_patients"]: result}


def _finite(values: Mapping[str, float | None]) -> dict[str, float]:
    return {key: value for key, value in values.items() if value is not None and isfinite(value)}
