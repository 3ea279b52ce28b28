"""Show in MLflow what DVC's files hold and MLflow lacks.

A stage that DVC restores from its cache runs nothing and logs nothing, and short stages never log
while they run; here every stage of dvc.lock gets its run, found or created by its `stage_key`.
Running it again creates nothing.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from pipeline import lockfile, tracking
from pipeline.config import Params
from pipeline.errors import DataError
from pipeline.lockfile import StageEntry
from pipeline.tracking import MlflowRun, Store

# What a person wants to look at, by stage; `{item}` is the family or arm.
ARTIFACTS = {
    "ingest": ("data/quarantine.csv",),
    "split": ("data/duplicates.csv",),
    "assess": ("metrics/assess/{item}.json", "plots/assess/{item}"),
    "curves": ("metrics/curves.json", "plots/curves"),
    "report": ("report/index.html",),
}


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
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(
            "MLflow", f"its store cannot be used ({reason}); try again later"
        ) from error


def _sync(params: Params, root: Path, store: Store) -> Synced:
    created = present = children = 0
    for entry in lockfile.read(root / "dvc.lock"):
        if not all((root / path).exists() for path in entry.outputs):
            continue
        found = store.find(entry)
        present += found is not None
        created += found is None
        shown = found or store.start(entry, tracking.circumstances())
        if entry.stage == "compare":
            children += _show_comparison(params, root, store, shown, fresh=found is None)
        if found is None:
            _show(entry, root, shown)
            shown.end("FINISHED")
    return Synced(created, present, children)


def _show(entry: StageEntry, root: Path, shown: MlflowRun) -> None:
    """Log what the stage itself would have logged, as far as its files tell."""
    if entry.stage == "train_gan":
        _show_training(entry.item, root, shown)
    if entry.stage == "assess":
        path = root / "metrics" / "assess" / f"{entry.item}.json"
        shown.metrics(json.loads(path.read_text(encoding="utf-8"))["mean"])
    for pattern in ARTIFACTS.get(entry.stage, ()):
        shown.artifact(root / pattern.format(item=entry.item))


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
    result = json.loads((root / "metrics/comparison.json").read_text(encoding="utf-8"))
    before = [] if fresh else store.children(shown)
    if len(before) < len(tracking.classifiers(result)):
        tracking.show_comparison(shown, result, params, root, before)
    return len(tracking.classifiers(result)) - len(before)
