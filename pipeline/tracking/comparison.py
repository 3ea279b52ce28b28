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
OF_CONTRAST = ("low", "high", "p", "p_holm")


def show_comparison(
    run: Run,
    result: Mapping[str, Any],
    params: Params,
    root: Path,
    shown: Sequence[Mapping[str, str]] = (),
) -> None:
    """Show a comparison: figures of arms and contrasts, plots, and a child per classifier.

    Figures of the headline size keep their names whatever further sizes there are.

    Args:
        run: The comparison's own run.
        result: The content of metrics/comparison.json.
        params: For the family that an arm's images come from.
        root: The project's root.
        shown: Tags of the children that are there already.
    """
    for size, part in _sizes(result).items():
        run.metrics(_figures(part, "" if size == _headline(result) else f" with {size} patients"))
    run.artifact(root / "metrics/comparison.json")
    run.artifact(root / "plots/compare", "plots")
    keys = {entry.item: entry.key for entry in lockfile.read(root / "dvc.lock", "classify")}
    there = {tuple(tags.get(name) for name in CLASSIFIER_TAGS) for tags in shown}
    for row in classifiers(result):
        tags = {"augmentation": row["arm"], **{name: row[name] for name in CLASSIFIER_TAGS[1:]}}
        if tuple(str(value) for value in tags.values()) in there:
            continue
        more = _origin(row, params) | {"stage_key": keys.get(row["arm"], "")}
        name = f"{row['arm']} r{row['repeat']}f{row['fold']}s{row['seed']}"
        run.child(name, tags | more, _finite(row["metrics"]))


def classifiers(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every trained classifier of a comparison, of all sizes of the training part.

    Args:
        result: The content of metrics/comparison.json.

    Returns:
        Rows of `runs`, each with its `train_patients`.
    """
    return [
        {"train_patients": size, **row}
        for size, part in _sizes(result).items()
        for row in part["runs"]
    ]


def _sizes(result: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    return result.get("sizes") or {_headline(result): result}


def _headline(result: Mapping[str, Any]) -> str:
    return str(result.get("train_patients", "all"))


def _figures(part: Mapping[str, Any], place: str) -> dict[str, float]:
    """Means of each arm, and each contrast with its interval and p; `place` is put into names."""
    values: dict[str, float | None] = {}
    for arm, figures in part["arms"].items():
        values |= {f"{arm}{place}/{key}": figures[key]["mean"] for key in METRIC_NAMES}
    for row in part["contrasts"]:
        name = f"{row['arm']} minus {row['against']}{place}/{row['metric']}"
        values[name] = row["difference"]
        values |= {f"{name}/{key}": row.get(key) for key in OF_CONTRAST}
    return _finite(values)


def _origin(row: Mapping[str, Any], params: Params) -> dict[str, object]:
    """What a classifier was trained on, as tags by which runs are told apart."""
    tags: dict[str, object] = {"train_patients": row["train_patients"]}
    # An arm that params.yaml no longer lists has a comparison all the same.
    arm = params.classify.arms.get(row["arm"])
    directory, _, family = arm.images.rpartition("/") if arm else ("", "", "")
    if directory == "data/synthetic":
        tags["family"] = family
    if row.get("share") is not None:
        tags["share"] = row["share"]
    return tags


def _finite(values: Mapping[str, float | None]) -> dict[str, float]:
    return {key: value for key, value in values.items() if value is not None and isfinite(value)}
