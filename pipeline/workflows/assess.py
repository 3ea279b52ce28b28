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

from pipeline import jsonfile, tracking
from pipeline.compute import Machine, Report, choose_device, parallel_map
from pipeline.config import Params, options_of
from pipeline.errors import DataError
from pipeline.fidelity import judging
from pipeline.fidelity.features.fold_embedding import embedding_seed
from pipeline.fidelity.floor import Measured
from pipeline.fidelity.judging import EVERY, Described, Figures, Parts, Rule
from pipeline.fidelity.probes.probe import Question
from pipeline.gan.judging import logits
from pipeline.imageset import ImageSet
from pipeline.privacy.inspection import inspect
from pipeline.registry import FEATURES, PROBES
from pipeline.seeding import derive, numpy_rng
from pipeline.splits import Splits, fold_name

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


@dataclass(frozen=True)
class _Found:
    """What a fold shows: figures by group, further extractors' by name and group, and copies."""

    groups: dict[str, Figures]
    further: dict[str, dict[str, Figures]]
    copies: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """Fit for JSON."""
        features = {name: _plain(groups) for name, groups in self.further.items()}
        further = {"features": features} if features else {}
        return _plain(self.groups) | further | {"copies": self.copies}


def run(params: Params, root: Path, family: str, tracker: tracking.Run) -> None:
    """Write `metrics/assess/<family>.json`, its means by themselves, and the nearest pairs.

    Raises:
        DataError: If an ImageSet is missing or malformed.
        LeakError: If held-out images are among those the generator was trained on.
        ParameterError: If a feature extractor lacks what it needs.
    """
    splits = Splits.open(root / "data" / "splits.csv")
    images = ImageSet.open(root / "data" / "images")
    elsewhere = root / "data" / "synthetic" / family / "external.json"
    jobs = [
        _Job(params, root, family, repeat, fold, seed)
        for repeat, fold in splits.folds()
        for seed in range(1 if elsewhere.exists() else params.train_gan.gan_seeds)
    ]
    compute = params.compute
    machine = Machine(choose_device(compute.device), compute.threads, compute.workers)
    found: list[_Found] = parallel_map(
        _assess_fold,
        jobs,
        machine,
        names=[job.name for job in jobs],
        total=len(jobs) * params.assess.embedding_steps,
        description=f"assess {family}",
        listener=tracker.listen,
    )
    mean = _mean([fold.groups for fold in found])
    document = {
        "family": family,
        "features": params.assess.features,
        "note": images.meta.note,
        "yardstick": "images of held-out patients in the synthetic images' place, equal counts",
        "expected_share_near_training": _YARDSTICK,
        "folds": {job.name: fold.plain() for job, fold in zip(jobs, found, strict=True)},
        "mean": mean,
        "mean_features": {
            name: _mean([fold.further[name] for fold in found if name in fold.further])
            for name in params.assess.features[1:]
        },
    }
    if elsewhere.exists():
        document["external"] = json.loads(elsewhere.read_text(encoding="utf-8"))
    # Also where too few images are held out to look for copies: DVC expects it.
    (root / "plots" / "assess" / family).mkdir(parents=True, exist_ok=True)
    jsonfile.write(root / "metrics" / "assess" / f"{family}.json", document)
    jsonfile.write(root / "metrics" / "fidelity" / f"{family}.json", mean)
    tracker.metrics(mean)


def _assess_fold(job: _Job, machine: Machine, report: Report) -> _Found:
    images = ImageSet.open(job.root / "data" / "images")
    splits = Splits.open(job.root / "data" / "splits.csv")
    training, validation, held_out = (
        splits.select(images, job.repeat, job.fold, part) for part in ("train", "val", "test")
    )
    splits.check_training(training, job.repeat, job.fold)
    synthetic = ImageSet.open(job.root / "data" / "synthetic" / job.family / job.name)
    if len(synthetic) == 0:
        raise DataError(synthetic.root, "holds no images; raise synthesize.per_class")
    splits.check_training(synthetic, job.repeat, job.fold)
    options = job.params.assess
    question = Question(
        training,
        validation,
        held_out,
        synthetic,
        job.params.augment,
        options.embedding_steps,
        # The same for every family, so that all are judged alike.
        embedding_seed(job.params.seed, job.repeat, job.fold),
        machine,
    )
    parts = Parts(training, synthetic, held_out)
    rule = Rule(
        options.neighbours,
        options.floor_repeats,
        _YARDSTICK,
        lambda draw: numpy_rng(job.params.seed, "assess", job.family, job.name, draw),
    )
    described = _described(job, parts, question, report)
    judged = {name: judging.judge_features(parts, each, rule) for name, each in described.items()}
    groups = judged.pop(options.features[0], {})
    for group, figures in judging.judge_pixels(parts, rule).items():
        if group in groups:
            groups[group] |= figures
    if EVERY in groups:
        for name in PROBES:
            groups[EVERY] |= PROBES.load(name)(question)
    return _Found(groups, judged, _copies(job, parts, described, splits, machine))


def _described(job: _Job, parts: Parts, question: Question, report: Report) -> dict[str, Described]:
    """Features by extractor, those left out that need masks where a part has none."""
    found = {}
    for name in job.params.assess.features:
        extractor = FEATURES.load(name, "assess.features")
        if extractor.needs_masks and not parts.have_masks:
            continue
        values = job.params.assess.options.get(name, {})
        fitted = extractor.fit(
            question.training,
            question.validation,
            options=options_of(FEATURES, name, values, f"assess.options.{name}"),
            steps=question.steps,
            seed=question.seed,
            machine=question.machine,
            augment=question.augment,
            report=report,
        )
        found[name] = Described.by(fitted, parts)
    return found


def _copies(
    job: _Job, parts: Parts, described: Mapping[str, Described], splits: Splits, machine: Machine
) -> dict[str, Any]:
    """Look for copied training images, and show the suspects."""
    return inspect(
        parts,
        described,
        splits,
        job.params.assess.copies,
        path=job.root / "plots" / "assess" / job.family / job.name,
        seed=derive(job.params.seed, "assess", "copies", job.family, job.name),
        judge=partial(
            logits,
            family=job.family,
            directory=job.root / "models" / job.family / job.name,
            machine=machine,
        ),
    )


def _mean(folds: list[dict[str, Figures]]) -> dict[str, float]:
    figures = judging.mean([fold[EVERY] for fold in folds if EVERY in fold])
    rounded: dict[str, float] = jsonfile.rounded(figures)
    return rounded


def _plain(groups: Mapping[str, Figures]) -> dict[str, Any]:
    """Figures by group, fit for JSON."""
    return {
        group: {
            name: asdict(figure) if isinstance(figure, Measured) else figure
            for name, figure in figures.items()
        }
        for group, figures in groups.items()
    }
