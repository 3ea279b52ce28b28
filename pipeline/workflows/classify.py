"""Stage `classify`: train an arm's classifiers and keep what they say of each image.

Folds x seeds are jobs side by side. Within a fold and seed all arms start from the same weights
and share the seed of their draws, so that arms are compared in pairs. A finished job is kept
outside DVC's outs until the stage ends: a killed stage goes on with the next one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from pipeline import tensorfile, tracking
from pipeline.arms.recipe import Ingredients
from pipeline.augment.choice import choose_online
from pipeline.classifier import weights
from pipeline.classifier.batches import TrainingDiet
from pipeline.classifier.metrics import evaluate
from pipeline.classifier.prediction import predict
from pipeline.classifier.training import Budget, train
from pipeline.compute import Machine, Report, choose_device, parallel_map, resume_directory
from pipeline.config import Params
from pipeline.errors import DataError, LeakError, ParameterError, choose_one_of
from pipeline.imageset import ImageSet
from pipeline.registry import RECIPES
from pipeline.seeding import derive
from pipeline.splits import Splits, fold_name

SCORED = ("val", "test")
_WEIGHTS = "weights/"
_CODE = (
    "data.py", "imageset/*.py", "tensorfile.py", "arms/*.py", "augment/*.py", "classifier/*.py",
)  # fmt: skip


@dataclass(frozen=True)
class _Job:
    params: Params
    root: Path
    arm: str
    repeat: int
    fold: int
    seed: int

    @property
    def name(self) -> str:
        return f"{fold_name(self.repeat, self.fold)}s{self.seed}"

    @property
    def recipe(self) -> str:
        return self.params.classify.arms[self.arm].recipe

    @property
    def splits(self) -> Path:
        return self.root / "data/splits.csv"

    @property
    def augmented(self) -> Path:
        return self.root / "data/augmented" / fold_name(self.repeat, self.fold)

    def synthetic(self) -> tuple[Path, int | None] | None:
        """The directory of the arm's synthetic images, and the GAN seed that made them.

        Classifier seed s uses GAN seed s mod G; a tree of another maker may have one set a fold.
        """
        if not RECIPES.load(self.recipe).takes_synthetic:
            return None
        tree = self.root / self.params.classify.arms[self.arm].images
        gan_seeds = 0
        while (tree / fold_name(self.repeat, self.fold, gan_seeds)).is_dir():
            gan_seeds += 1
        if gan_seeds == 0:
            return tree / fold_name(self.repeat, self.fold), None
        gan_seed = self.seed % gan_seeds
        return tree / fold_name(self.repeat, self.fold, gan_seed), gan_seed

    def seed_for(self, purpose: str) -> int:
        """A seed that the arm has no part in."""
        return derive(self.params.seed, "classify", purpose, self.repeat, self.fold, self.seed)


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
    jobs = [
        _Job(params, root, arm, repeat, fold, seed)
        for repeat, fold in splits.folds()
        for seed in range(params.classify.seeds)
    ]
    of = params.compute
    kept = parallel_map(
        _classify,
        jobs,
        Machine(choose_device(of.device), of.threads, of.workers, of.precision),
        names=[job.name for job in jobs],
        total=len(jobs) * params.classify.steps,
        description=f"classify {arm}",
        listener=tracker.listen,
    )
    shutil.rmtree(root / "classifiers" / arm, ignore_errors=True)
    frames = [_publish(job, path, images, splits) for job, path in zip(jobs, kept, strict=True)]
    table = root / "predictions" / f"{arm}.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    predictions = pd.concat(frames)
    predictions.to_csv(table, index=False, float_format="%.6f", lineterminator="\n")
    tracker.metrics(_mean_over_jobs(predictions, images))
    _forget(kept)


def _classify(job: _Job, machine: Machine, report: Report) -> Path:
    """Train one classifier and keep its weights and probabilities; or find them kept."""
    images, splits = ImageSet.open(job.root / "data/images"), Splits.open(job.splits)
    section = job.params.classify
    kept = resume_directory("classify", job.arm) / f"{job.name}-{_key(job, machine)}.safetensors"
    if kept.exists():
        report(section.steps)
        return kept
    diet = _diet(job, images, splits)
    held_out = {part: splits.select(images, job.repeat, job.fold, part) for part in SCORED}
    if len(held_out["val"]) == 0:
        raise DataError(job.splits, f"has no validation row in {job.name}; raise split.val_share")
    trained = train(
        weights.build(
            section.model,
            section.options,
            images.shape,
            len(images.meta.classes),
            seed=job.seed_for("init"),
        ),
        diet,
        held_out["val"],
        Budget(
            steps=section.steps,
            batch=section.batch,
            learning_rate=section.learning_rate,
            weight_decay=section.weight_decay,
            evaluate_every=section.evaluate_every,
            averaging=section.averaging,
            mixup_alpha=section.mixup_alpha,
        ),
        machine,
        seed=job.seed_for("train"),
        transform=choose_online(job.params.augment, images.spatial_dims),
        report=report,
    )
    said = {
        part: torch.from_numpy(predict(trained.network, rows, machine))
        for part, rows in held_out.items()
    }
    learnt = {f"{_WEIGHTS}{name}": value for name, value in trained.network.state_dict().items()}
    origins = pd.concat([pool.images.manifest for pool in diet.pools]).drop_duplicates("image_id")
    n_real = int(origins["origin"].eq("real").sum())
    tensorfile.save(
        kept,
        {**said, **learnt},
        {
            "n_real": n_real,
            "n_added": len(origins) - n_real,
            "chosen_step": trained.chosen_step,
            "trace": list(trained.trace),
        },
    )
    return kept


def _diet(job: _Job, images: ImageSet, splits: Splits) -> TrainingDiet:
    """Hand the recipe the fold's training side, and refuse what must not be trained on."""
    synthetic = None
    if (place := job.synthetic()) is not None:
        drawn = ImageSet.open(place[0])
        synthetic = drawn.take(drawn.manifest["selected"].eq(1).to_numpy(bool))
        if len(synthetic) == 0:
            raise DataError(place[0], "has no selected image; draw more in synthesize")
    given = Ingredients(
        real=splits.select(images, job.repeat, job.fold, "train"),
        classical=ImageSet.open(job.augmented),
        synthetic=synthetic,
        synthetic_share=job.params.classify.synthetic_share,
    )
    diet: TrainingDiet = RECIPES.load(job.recipe).diet(given)
    for pool in diet.pools:
        splits.check_training(pool.images, job.repeat, job.fold)
        _check_pixels(pool.images, images, splits.ids(job.repeat, job.fold, "train"))
    return diet


def _check_pixels(training: ImageSet, images: ImageSet, allowed: set[str]) -> None:
    """Refuse an added image that equals a held-out one, whatever its row says of its parents."""
    held_out = images.manifest.loc[~images.manifest["image_id"].isin(allowed)]
    added = training.manifest.loc[training.manifest["origin"].ne("real")]
    copies = added.loc[added["sha256"].isin(set(held_out["sha256"])), "image_id"]
    if len(copies):
        raise LeakError(
            f"{training.root}: {copies.iloc[0]} has the same pixels as an image outside the "
            "training rows; leave it out, or make the set from training rows only"
        )


def _publish(job: _Job, kept: Path, images: ImageSet, splits: Splits) -> pd.DataFrame:
    """Write the weights of a finished job, and return its rows of the predictions."""
    tensors, facts = tensorfile.load(kept, stage="classify")
    section, classes = job.params.classify, images.meta.classes
    tensorfile.save(
        job.root / "classifiers" / job.arm / f"{job.name}.safetensors",
        {
            name.removeprefix(_WEIGHTS): value
            for name, value in tensors.items()
            if name.startswith(_WEIGHTS)
        },
        {
            "model": section.model,
            "options": dict(section.options),
            "shape": list(images.shape),
            "classes": list(classes),
            "window": list(images.meta.window),
            "chosen_step": facts["chosen_step"],
            "trace": facts["trace"],
        },
    )
    place = job.synthetic()
    gan_seed = None if place is None else place[1]
    frames = []
    for part in SCORED:
        rows = splits.select(images, job.repeat, job.fold, part).manifest
        frame = pd.DataFrame({"image_id": rows["image_id"]})
        frame["repeat"], frame["fold"], frame["seed"] = job.repeat, job.fold, job.seed
        frame["gan_seed"] = "" if gan_seed is None else gan_seed
        frame["n_real"], frame["n_added"] = facts["n_real"], facts["n_added"]
        frame["share"] = "" if place is None else section.synthetic_share
        frame["chosen"] = 1
        frame["part"], frame["label"] = part, rows["label"]
        for index, name in enumerate(classes):
            frame[f"prob_{name}"] = tensors[part][:, index].numpy()
        frames.append(frame)
    return pd.concat(frames)


def _forget(kept: Sequence[Path]) -> None:
    for path in kept:
        path.unlink()


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


def _key(job: _Job, machine: Machine) -> str:
    """Hash all that a job's result depends on: parameters, inputs, machine and this code."""
    section = job.params.classify.model_dump(mode="json", exclude={"arms", "seeds"})
    facts = {
        "seed": job.params.seed,
        "classify": section,
        "recipe": job.recipe,
        "augment": job.params.augment.model_dump(mode="json"),
        "machine": [machine.device, machine.threads, machine.precision],
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    sets = [job.root / "data/images", job.augmented]
    if (place := job.synthetic()) is not None:
        sets.append(place[0])
    # A manifest holds the hash of every image's pixels.
    files = [job.splits, *(part / name for part in sets for name in ("manifest.csv", "meta.json"))]
    package = Path(__file__).parent.parent
    code = [path for name in _CODE for path in sorted(package.glob(name))]
    for path in [*files, *code]:
        digest.update(path.read_bytes() if path.exists() else b"absent")
    return digest.hexdigest()[:16]
