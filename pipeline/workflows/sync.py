"""Show in MLflow what DVC's files hold and MLflow lacks.

A stage that DVC restores from its cache runs nothing and logs nothing, and short stages never log
while they run; here every stage of dvc.lock gets its run, found or created by its `stage_key`.
Running it again creates nothing.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import lockfile, tracking
from pipeline.config import Params
from pipeline.doctor import tracking_store
from pipeline.doctor.finding import Project
from pipeline.errors import PipelineError
from pipeline.lockfile import StageEntry
from pipeline.tracking import MlflowRun, Store

# What a person wants to look at, by stage; `{item}` is the family or arm.
ARTIFACTS = {
    "ingest": ("data/quarantine.csv",),
    "split": ("data/duplicates.csv",),
    "curves": ("metrics/curves.json", "plots/curves"),
    "assess": ("metrics/assess/{item}.json", "plots/assess/{item}"),
    "report": ("report/index.html",),
}
CHARTS = "plots/curves"


@dataclass(frozen=True)
class Synced:
    """What was done.

    Args:
        created: Stage runs that MLflow lacked.
        present: Stage runs that were there.
        children: Runs of single classifiers that MLflow lacked.
    """

    created: int
    present: int
    children: int


def run(params: Params, root: Path) -> Synced:
    """Create the runs that MLflow lacks, from dvc.lock and the files that it names.

    Raises:
        DataError: If MLflow's store cannot be used.
    """
    try:
        store = tracking.open_store(params)
        return _sync(params, root, store)
    except PipelineError:
        raise
    except Exception as error:
        raise tracking_store.unusable(Project(root, params), error) from error


def _sync(params: Params, root: Path, store: Store) -> Synced:
    created = present = children = 0
    entries = lockfile.read(root / "dvc.lock")
    for entry in entries:
        if not all((root / path).exists() for path in entry.outputs):
            continue
        found = store.find(entry)
        present += found is not None
        created += found is None
        shown = found or store.start(entry, tracking.circumstances())
        if entry.stage == "compare":
            children += _show_comparison(params, root, store, shown, fresh=found is None)
            _show_charts(root, store, shown, entries)
        if found is None:
            _show(entry, root, shown)
            shown.end("FINISHED")
    return Synced(created, present, children)


def _show(entry: StageEntry, root: Path, shown: MlflowRun) -> None:
    """Log what the stage itself would have logged, as far as its files tell."""
    if entry.stage == "train_gan":
        _show_training(entry.item, root, shown)
    if entry.stage == "assess":
        shown.metrics(assessed(_json(root / "metrics/assess" / f"{entry.item}.json")))
    if entry.stage == "curves":
        shown.metrics(added(_json(root / "metrics/curves.json")))
    for pattern in ARTIFACTS.get(entry.stage, ()):
        shown.artifact(root / pattern.format(item=entry.item))


def assessed(document: Mapping[str, Any]) -> dict[str, float]:
    """Figures of a family: fidelity under its features, and what the copy check found.

    Args:
        document: The content of metrics/assess/<family>.json.

    Returns:
        Means over folds as they are, of further extractors under `<extractor>/`, and each model's
        copy check under `copies/<model>/`.
    """
    values: dict[str, Any] = dict(document["mean"])
    for extractor, mean in document.get("mean_features", {}).items():
        values |= {f"{extractor}/{name}": value for name, value in mean.items()}
    for model, fold in document["folds"].items():
        check = fold.get("copies") or {}
        place = f"copies/{model}"
        values |= {f"{place}/{name}": check.get(name) for name in ("copying", "flagged_images")}
        for space, figures in check.get("spaces", {}).items():
            values[f"{place}/{space}/share"] = figures["share"]["value"]
        for attack, figures in check.get("membership", {}).get("attacks", {}).items():
            for name in ("auc", "tpr"):
                values[f"{place}/{attack}/{name}"] = figures[name]["value"]
    return {name: float(value) for name, value in values.items() if value is not None}


def added(document: Mapping[str, Any]) -> dict[str, float]:
    """Mean figures of the chart of added images, by line and number of images."""
    return {
        f"{line['name']} {point['asked']}": float(point["mean"])
        for line in document["lines"]
        for point in line["points"]
        if point["mean"] is not None
    }


def _show_training(family: str, root: Path, shown: MlflowRun) -> None:
    for history in sorted((root / "models" / family).glob("*/history_*.csv")):
        job = f"{family}/{history.parent.name}/{history.stem.removeprefix('history_')}"
        with history.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                step = int(row.pop("step"))
                shown.listen(job, {key: float(text) for key, text in row.items() if text}, step)
    for previews in sorted((root / "models" / family).glob("*/previews")):
        shown.artifact(previews, f"previews/{previews.parent.name}")


def _show_comparison(
    params: Params, root: Path, store: Store, shown: MlflowRun, *, fresh: bool
) -> int:
    """Complete the comparison's children; returns how many were missing."""
    result = _json(root / "metrics/comparison.json")
    wanted = len(tracking.classifiers(result))
    before = [] if fresh else store.children(shown)
    if len(before) < wanted:
        tracking.show_comparison(shown, result, params, root, before)
    return wanted - len(before)


def _show_charts(root: Path, store: Store, shown: MlflowRun, entries: Sequence[StageEntry]) -> None:
    """Put the chart of added images beside the comparison's, once for each run of `curves`.

    The stage `curves` may end after `compare`, which therefore cannot show its chart itself.
    """
    for entry in entries:
        if entry.stage != "curves" or not (root / CHARTS).exists():
            continue
        if store.tags(shown).get("curves_key") != entry.key:
            shown.artifact(root / CHARTS, CHARTS)
            shown.tags({"curves_key": entry.key})


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
