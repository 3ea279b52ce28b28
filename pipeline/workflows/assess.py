"""Stage `assess`: how good, how varied and how near to training images a family's samples are.

Held-out (test) images enter as a yardstick that changes nothing: they stand in the synthetic
images' place, so that every figure has the floor that fresh patients reach on as many images.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import tracking
from pipeline.compute import Machine, Report, choose_device, parallel_map
from pipeline.config import Params
from pipeline.errors import DataError
from pipeline.fidelity.floor import MIN_IMAGES, Measured, measure, subset_size
from pipeline.fidelity.nearest_neighbour import share_nearer_than_held_out
from pipeline.fidelity.probes.probe import Question
from pipeline.gan import judging
from pipeline.imageset import ImageSet
from pipeline.privacy.inspection import Sets, inspect
from pipeline.registry import FEATURES, METRICS, PROBES
from pipeline.seeding import derive, numpy_rng
from pipeline.splits import Splits, fold_name

_DIGITS = 6
_YARDSTICK = 0.05


@dataclass(frozen=True)
class _Job:
    params: Params
    root: Path
    family: str
    repeat: int
    fold: int
    gan_seed: int

    @property
    def name(self) -> str:
        return fold_name(self.repeat, self.fold, self.gan_seed)


def run(params: Params, root: Path, family: str, tracker: tracking.Run) -> None:
    """Write `metrics/assess/<family>.json`, its means by themselves, and the nearest pairs.

    Raises:
        DataError: If an ImageSet is missing or malformed.
        LeakError: If held-out images are among those the generator was trained on.
    """
    splits = Splits.open(root / "data" / "splits.csv")
    images = ImageSet.open(root / "data" / "images")
    jobs = [
        _Job(params, root, family, repeat, fold, seed)
        for repeat, fold in splits.folds()
        for seed in range(params.train_gan.gan_seeds)
    ]
    compute = params.compute
    machine = Machine(choose_device(compute.device), compute.threads, compute.workers)
    found = parallel_map(
        _assess_fold,
        jobs,
        machine,
        names=[job.name for job in jobs],
        total=len(jobs) * params.assess.embedding_steps,
        description=f"assess {family}",
        listener=tracker.listen,
    )
    folds = dict(zip([job.name for job in jobs], found, strict=True))
    mean = _mean([fold["all"] for fold in folds.values() if "all" in fold])
    document = {
        "family": family,
        "features": params.assess.features,
        "note": images.meta.note,
        "yardstick": "images of held-out patients in the synthetic images' place, equal counts",
        "expected_share_near_training": _YARDSTICK,
        "folds": folds,
        "mean": mean,
    }
    path = root / "metrics" / "assess" / f"{family}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    brief = root / "metrics" / "fidelity" / f"{family}.json"
    brief.parent.mkdir(parents=True, exist_ok=True)
    brief.write_text(json.dumps(mean, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    tracker.metrics(mean)


def _assess_fold(job: _Job, machine: Machine, report: Report) -> dict[str, Any]:
    images = ImageSet.open(job.root / "data" / "images")
    splits = Splits.open(job.root / "data" / "splits.csv")
    training = splits.select(images, job.repeat, job.fold, "train")
    held_out = splits.select(images, job.repeat, job.fold, "test")
    splits.check_training(training, job.repeat, job.fold)
    synthetic = ImageSet.open(job.root / "data" / "synthetic" / job.family / job.name)
    if len(synthetic) == 0:
        raise DataError(synthetic.root, "holds no images; raise synthesize.per_class")
    splits.check_training(synthetic, job.repeat, job.fold)
    options = job.params.assess
    embed = FEATURES.load(options.features, "assess.features").fit(
        training,
        splits.select(images, job.repeat, job.fold, "val"),
        steps=options.embedding_steps,
        seed=_embedding_seed(job),
        machine=machine,
        augment=job.params.augment,
        report=report,
    )
    features = {
        name: embed(part)
        for name, part in (("train", training), ("held_out", held_out), ("synthetic", synthetic))
    }
    labels = {"train": training.labels, "held_out": held_out.labels, "synthetic": synthetic.labels}
    figures: dict[str, Any] = {}
    for index, group in enumerate(("all", *images.meta.classes), start=-1):
        chosen = {
            name: features[name][labels[name] == index] if index >= 0 else features[name]
            for name in features
        }
        if group_figures := _figures(job, group, chosen):
            figures[group] = group_figures
    question = Question(
        training,
        splits.select(images, job.repeat, job.fold, "val"),
        held_out,
        synthetic,
        job.params.augment,
        options.embedding_steps,
        _embedding_seed(job),
        machine,
    )
    if "all" in figures:
        for name in PROBES:
            figures["all"] |= _plain(PROBES.load(name)(question))
    figures["copies"] = inspect(
        Sets(training, held_out, synthetic),
        {options.features: features},
        splits,
        options.copies,
        path=job.root / "plots" / "assess" / job.family / job.name,
        seed=derive(job.params.seed, "assess", "copies", job.family, job.name),
        judge=partial(
            judging.logits,
            family=job.family,
            directory=job.root / "models" / job.family / job.name,
            machine=machine,
        ),
    )
    return figures


def _embedding_seed(job: _Job) -> int:
    """The same for every family, so that all are judged alike."""
    return derive(job.params.seed, "assess", "embedding", job.repeat, job.fold)


def _figures(job: _Job, group: str, features: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    train, synthetic, held_out = features["train"], features["synthetic"], features["held_out"]
    measured = measure(
        [METRICS.load(name) for name in METRICS],
        train,
        synthetic,
        held_out,
        neighbours=job.params.assess.neighbours,
        repeats=job.params.assess.floor_repeats,
        rng=numpy_rng(job.params.seed, "assess", job.family, job.name, group),
    )
    if not measured:
        return {}
    near = 0.0
    if len(held_out) >= MIN_IMAGES:
        near = share_nearer_than_held_out(train, synthetic, held_out, share=_YARDSTICK)
    return {
        "images": subset_size(train, synthetic, held_out),
        "share_near_training": _rounded(near),
        **_plain(measured),
    }


def _plain(figures: Mapping[str, Measured | float]) -> dict[str, Any]:
    """Figures fit for JSON."""
    return {
        name: _rounded(figure)
        if isinstance(figure, float)
        else {key: _rounded(number) for key, number in asdict(figure).items()}
        for name, figure in figures.items()
    }


def _mean(folds: list[dict[str, Any]]) -> dict[str, float]:
    """Average over folds; a figure's floor stands beside it as `<name>_floor`."""
    result: dict[str, float] = {}
    if not folds:
        return result
    for name, first in folds[0].items():
        if isinstance(first, dict):
            result[name] = _rounded(np.mean([fold[name]["value"] for fold in folds]))
            result[f"{name}_floor"] = _rounded(np.mean([fold[name]["floor"] for fold in folds]))
        else:
            result[name] = _rounded(np.mean([fold[name] for fold in folds]))
    return result


def _rounded(value: Any) -> float:
    return float(f"{float(value):.{_DIGITS}g}")
