"""Stage `curves`: accuracy against the number of images added, classical first, then synthetic.

Each fold's real rows plus n classically augmented copies train a classifier, for growing n; from
the n with a fold's lowest validation loss on, synthetic images are added. Budget, guards and draws
are those of `classify`: without copies a point is the arm `real`, and with all of them the arm
`classical`. Only the folds of the headline size are used.

Source: Frid-Adar et al. 2018, arXiv:1803.01229, the figure of accuracy over the number of training
samples. Here validation chooses the sizes, and test rows are only shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline import jsonfile, tracking
from pipeline.arms import jobs
from pipeline.arms.growing import grown, nested_order
from pipeline.arms.jobs import Place
from pipeline.classifier.batches import TrainingDiet
from pipeline.classifier.metrics import evaluate
from pipeline.compute import Machine, Report, choose_device, parallel_map
from pipeline.config import Params
from pipeline.data.pools import class_frequencies
from pipeline.imageset import ImageSet
from pipeline.report import augmentation
from pipeline.report.augmentation import FoldPoint
from pipeline.seeding import numpy_rng
from pipeline.splits import Splits

Fold: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class _Added:
    """What is added to a fold's real rows."""

    copies: int
    family: str = ""
    images: int = 0


# What a point of a line adds in each fold, by the size that params.yaml has.
_Plan: TypeAlias = dict[int, dict[Fold, _Added]]


@dataclass(frozen=True)
class _Job:
    place: Place
    added: _Added

    @property
    def name(self) -> str:
        drawn = f"-{self.added.family}{self.added.images}" if self.added.images else ""
        return f"{self.place.name}-{self.added.copies}{drawn}"

    @property
    def sets(self) -> list[Path]:
        augmented = self.place.augmented
        return [augmented, _tree(self.place, self.added.family)] if self.synthetic else [augmented]

    @property
    def synthetic(self) -> bool:
        return self.added.images > 0

    def diet(self, images: ImageSet, splits: Splits) -> TrainingDiet:
        """Take the beginnings of the fold's shuffled orders."""
        classical, copies = ImageSet.open(self.place.augmented), _order(self.place, images, splits)
        if not self.synthetic:
            return grown(classical, copies[: self.added.copies])
        drawn = _order(self.place, images, splits, self.added.family)[: self.added.images]
        synthetic = ImageSet.open(_tree(self.place, self.added.family))
        return grown(classical, copies[: self.added.copies], synthetic, drawn)


@dataclass(frozen=True)
class _Stage:
    """The inputs of the stage, and the jobs that it keeps until it ends."""

    params: Params
    root: Path
    tracker: tracking.Run
    images: ImageSet
    splits: Splits
    kept: set[Path] = field(default_factory=set)

    def capacity(self, fold: Fold, family: str = "") -> int:
        """How many copies, or images of a family, every seed of a fold can be given."""
        seeds = range(self.params.curves.seeds)
        places = [Place(self.params, self.root, *fold, seed) for seed in seeds]
        return min(len(_order(place, self.images, self.splits, family)) for place in places)

    def points(self, plan: _Plan, what: str) -> dict[int, list[FoldPoint]]:
        """Train what a plan names and is not kept yet, side by side, and measure it."""
        of, seeds = self.params.compute, range(self.params.curves.seeds)
        wanted = dict.fromkeys((fold, added) for at in plan.values() for fold, added in at.items())
        todo = [
            _Job(Place(self.params, self.root, *fold, seed), added)
            for fold, added in wanted
            for seed in seeds
        ]
        paths = parallel_map(
            _fit,
            todo,
            Machine(choose_device(of.device), of.threads, of.workers, of.precision),
            names=[job.name for job in todo],
            total=len(todo) * self.params.classify.steps,
            description=f"curves {what}",
            listener=self.tracker.listen,
        )
        self.kept.update(paths)
        measured: dict[tuple[Fold, _Added], list[tuple[float, float]]] = {}
        for job, path in zip(todo, paths, strict=True):
            fold = job.place.repeat, job.place.fold
            found = jobs.validation_loss(path), self._figure(job.place, path)
            measured.setdefault((fold, job.added), []).append(found)
        return {
            asked: [_point(fold, added, measured[fold, added]) for fold, added in at.items()]
            for asked, at in plan.items()
        }

    def _figure(self, place: Place, kept: Path) -> float:
        """The primary metric of one classifier on the test rows."""
        meta, rows = self.images.meta, jobs.predictions(kept, place, self.images, self.splits)
        tested = rows[rows["part"].eq("test")]
        return evaluate(
            [meta.classes.index(label) for label in tested["label"]],
            tested[[f"prob_{name}" for name in meta.classes]].to_numpy(),
            meta.classes,
            meta.positive_class,
        )[self.params.compare.primary]


def run(params: Params, root: Path, tracker: tracking.Run) -> None:
    """Write metrics/curves.json and plots/curves/augmentation.png and .csv.

    Raises:
        DataError: If an ImageSet is missing, malformed or empty.
        LeakError: If an image that must not be seen would be trained on.
    """
    images, splits = ImageSet.open(root / "data/images"), Splits.open(root / "data/splits.csv")
    stage = _Stage(params, root, tracker, images, splits)
    size = splits.sizes()[0]
    lines = _lines(stage, splits.folds(size)) if params.curves.classical else []
    document = {
        "primary": params.compare.primary,
        "confidence": params.compare.confidence,
        "train_patients": size,
        "seeds": params.curves.seeds,
        "lines": lines,
    }
    written = jsonfile.write(root / "metrics/curves.json", document)
    augmentation.draw(written, root / "plots/curves/augmentation.png")
    for line in written["lines"]:
        figures = {f"{line['name']} {at['asked']}": at["mean"] for at in line["points"]}
        tracker.metrics({name: value for name, value in figures.items() if value is not None})
    tracker.artifact(root / "plots/curves", "plots")
    jobs.forget(stage.kept)


def _lines(stage: _Stage, folds: Sequence[Fold]) -> list[dict[str, Any]]:
    """The classical line, then from each fold's best size on one line a family."""
    section, confidence = stage.params.curves, stage.params.compare.confidence
    plan = _plan(
        section.classical,
        {fold: stage.capacity(fold) for fold in folds},
        lambda fold, number: _Added(number),  # noqa: ARG005
    )
    points = stage.points(plan, "classical")
    best = {fold: plan[asked][fold] for fold, asked in augmentation.lowest(points).items()}
    lines = [augmentation.line("classical", "", points, confidence)]
    for family in section.families if section.synthetic else ():
        # Not a lambda in the loop's scope, which would see the last family.
        def onward(fold: Fold, number: int, family: str = family) -> _Added:
            return replace(best[fold], family=family, images=number)

        capacity = {fold: stage.capacity(fold, family) for fold in folds}
        plan = {0: best, **_plan(section.synthetic, capacity, onward)}
        found = stage.points(plan, family)
        lines.append(augmentation.line(f"classical + {family}", family, found, confidence))
    return lines


def _plan(
    sizes: Sequence[int], capacity: Mapping[Fold, int], add: Callable[[Fold, int], _Added]
) -> _Plan:
    """Give each fold each size or all that it has; a size that changes no fold is left out."""
    plan: _Plan = {}
    for asked in sorted(sizes):
        at = {fold: add(fold, min(asked, most)) for fold, most in capacity.items()}
        if at not in plan.values():
            plan[asked] = at
    return plan


def _fit(job: _Job, machine: Machine, report: Report) -> Path:
    facts = {"curve": vars(job.added)}
    kept = job.place.kept("curves", job.added.family or "classical", job.sets, facts, machine)
    return jobs.fit(job.place, kept, job.diet, machine, report)


def _point(fold: Fold, added: _Added, runs: Sequence[tuple[float, float]]) -> FoldPoint:
    loss = float(np.mean([found for found, _ in runs]))
    values = tuple(value for _, value in runs)
    return FoldPoint(*fold, added.copies, added.images, loss, values)


def _tree(place: Place, family: str) -> Path:
    return place.synthetic(f"data/synthetic/{family}")[0]


def _order(place: Place, images: ImageSet, splits: Splits, family: str = "") -> NDArray[np.int64]:
    """Positions of all copies of a fold, or of its images of a family, in the order of adding."""
    real = splits.select(images, place.repeat, place.fold, "train")
    source = ImageSet.open(_tree(place, family) if family else place.augmented)
    offered = np.flatnonzero(source.manifest["origin"].ne("real"))
    kind = f"{family}/{place.synthetic(f'data/synthetic/{family}')[1]}" if family else "classical"
    rng = numpy_rng(place.params.seed, "curves", kind, place.repeat, place.fold)
    order = nested_order(source.labels[offered], class_frequencies(real), rng=rng)
    return np.asarray(offered[order], np.int64)
