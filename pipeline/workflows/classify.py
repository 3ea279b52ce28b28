"""Stage `classify`: train an arm's classifiers and keep what they say of each image.

Folds x seeds are jobs side by side. Within a fold and seed all arms start from the same weights
and share the seed of their draws, so that arms are compared in pairs. A finished job is kept
outside DVC's outs until the stage ends: a killed stage goes on with the next one.

Where several synthetic shares are offered, each is trained on the same budget, and the one with
the lowest validation loss, on average over the seeds of a fold, is chosen there. All variants'
predictions are published, so that the whole curve can be shown; `chosen` marks those that count.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline import tracking
from pipeline.arms import jobs
from pipeline.arms.jobs import Place
from pipeline.arms.recipe import Ingredients, Recipe
from pipeline.classifier.batches import TrainingDiet
from pipeline.classifier.metrics import evaluate
from pipeline.compute import Machine, Report, choose_device, parallel_map
from pipeline.config import Arm, Params
from pipeline.errors import DataError, ParameterError, choose_one_of
from pipeline.imageset import ImageSet
from pipeline.registry import RECIPES
from pipeline.splits import Splits


@dataclass(frozen=True)
class _Job:
    arm: str
    place: Place
    share: float | None
    alone: bool  # whether no other share is tried

    @property
    def name(self) -> str:
        return self.place.name + ("" if self.alone else f"-{self.share:g}")

    @property
    def fold(self) -> tuple[int, int]:
        return self.place.repeat, self.place.fold

    @property
    def settings(self) -> Arm:
        return self.place.params.classify.arms[self.arm]

    @property
    def recipe(self) -> Recipe:
        recipe: Recipe = RECIPES.load(self.settings.recipe)
        return recipe

    def synthetic(self) -> tuple[Path, int | None] | None:
        """The directory of the arm's synthetic images, and the GAN seed that made them."""
        return self.place.synthetic(self.settings.images) if self.recipe.takes_synthetic else None

    def diet(self, images: ImageSet, splits: Splits) -> TrainingDiet:
        """Hand the recipe the fold's training side."""
        synthetic, place = None, self.place
        if (found := self.synthetic()) is not None:
            synthetic = ImageSet.open(found[0])
            if self.settings.selected:
                synthetic = synthetic.take(synthetic.manifest["selected"].eq(1).to_numpy(bool))
            if len(synthetic) == 0:
                raise DataError(found[0], "has no image to use; draw more in synthesize")
        return self.recipe.diet(
            Ingredients(
                real=splits.select(images, place.repeat, place.fold, "train"),
                classical=ImageSet.open(place.augmented),
                synthetic=synthetic,
                synthetic_share=self.share or 0.0,
            )
        )


def run(params: Params, root: Path, arm: str, tracker: tracking.Run) -> None:
    """Write `predictions/<arm>.csv` and `classifiers/<arm>/<job>.safetensors`.

    Raises:
        ParameterError: If the arm is unknown.
        DataError: If an ImageSet is missing, malformed or empty.
        LeakError: If an image that must not be seen would be trained on.
    """
    if arm not in params.classify.arms:
        raise ParameterError("classify.arms", choose_one_of(arm, params.classify.arms))
    splits = Splits.open(root / "data/splits.csv")
    images = ImageSet.open(root / "data/images")
    shares = RECIPES.load(params.classify.arms[arm].recipe).shares(params.classify.shares)
    todo = [
        _Job(arm, Place(params, root, repeat, fold, seed), share, len(shares) == 1)
        for repeat, fold in splits.folds()
        for seed in range(params.classify.seeds)
        for share in shares
    ]
    of = params.compute
    kept = parallel_map(
        _classify,
        todo,
        Machine(choose_device(of.device), of.threads, of.workers, of.precision),
        names=[job.name for job in todo],
        total=len(todo) * params.classify.steps,
        description=f"classify {arm}",
        listener=tracker.listen,
    )
    shutil.rmtree(root / "classifiers" / arm, ignore_errors=True)
    best = _choose(todo, kept)
    frames = [
        _publish(job, path, images, splits, chosen=job.share == best[job.fold])
        for job, path in zip(todo, kept, strict=True)
    ]
    table = root / "predictions" / f"{arm}.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    predictions = pd.concat(frames)
    predictions.to_csv(table, index=False, float_format="%.6f", lineterminator="\n")
    tracker.metrics(_mean_over_jobs(predictions[predictions["chosen"].eq(1)], images))
    jobs.forget(kept)


def _classify(job: _Job, machine: Machine, report: Report) -> Path:
    found = job.synthetic()
    sets = [job.place.augmented, *([] if found is None else [found[0]])]
    settings = job.settings
    facts = {"recipe": settings.recipe, "selected": settings.selected, "share": job.share}
    kept = job.place.kept("classify", job.arm, sets, facts, machine)
    return jobs.fit(job.place, kept, job.diet, machine, report)


def _choose(todo: Sequence[_Job], kept: Sequence[Path]) -> dict[tuple[int, int], float | None]:
    """In each fold the share with the lowest validation loss, on average over the fold's seeds."""
    losses: dict[tuple[int, int], dict[float | None, list[float]]] = {}
    for job, path in zip(todo, kept, strict=True):
        of_fold = losses.setdefault(job.fold, {})
        of_fold.setdefault(job.share, []).append(jobs.validation_loss(path))
    # Every share has the same seeds, so that sums rank them as means do.
    return {
        fold: min(of_share, key=lambda share: sum(of_share[share]))
        for fold, of_share in losses.items()
    }


def _publish(
    job: _Job, kept: Path, images: ImageSet, splits: Splits, *, chosen: bool
) -> pd.DataFrame:
    """Write the weights of a finished job if chosen, and return its rows of the predictions."""
    place, found = job.place, job.synthetic()
    if chosen:
        path = place.root / "classifiers" / job.arm / f"{place.name}.safetensors"
        jobs.save_weights(kept, place, images, path)
    frame = jobs.predictions(kept, place, images, splits)
    gan_seed = "" if found is None or found[1] is None else found[1]
    frame.insert(list(frame).index("n_real"), "gan_seed", gan_seed)
    position = list(frame).index("part")
    frame.insert(position, "chosen", int(chosen))
    frame.insert(position, "share", "" if job.share is None else f"{job.share:g}")
    return frame


def _mean_over_jobs(predictions: pd.DataFrame, images: ImageSet) -> dict[str, float]:
    classes = images.meta.classes
    test = predictions[predictions["part"] == "test"]
    figures = [
        evaluate(
            [classes.index(label) for label in rows["label"]],
            rows[[f"prob_{name}" for name in classes]].to_numpy(),
            classes,
            images.meta.positive_class,
        )
        for _, rows in test.groupby(["repeat", "fold", "seed"])
    ]
    means = pd.DataFrame(figures).mean()
    return {str(name): float(value) for name, value in means.items()}
