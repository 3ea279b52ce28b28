"""One classifier of one fold and seed: leak checks, training, and keeping it until its stage ends.

Every stage that trains classifiers to be compared goes through here, so that they have equal
budgets, paired draws and the same guards: whatever the diet, a fold and seed start from the same
weights and share the seed of their draws. What is done is kept outside DVC's outs under a key of
all that it depends on; a killed stage goes on with the next one. Another stage that trains:
`fit` each job in `compute.parallel_map`, read the results with `predictions`, then `forget` them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import torch

from pipeline import tensorfile
from pipeline.augment.choice import choose_online
from pipeline.classifier import weights
from pipeline.classifier.batches import TrainingDiet
from pipeline.classifier.prediction import predict
from pipeline.classifier.training import Budget, Trained, train
from pipeline.compute import Machine, Report, resume_directory
from pipeline.config import Params
from pipeline.errors import DataError, LeakError
from pipeline.imageset import ImageSet
from pipeline.seeding import derive
from pipeline.splits import Splits, fold_name

SCORED = ("val", "test")
_WEIGHTS = "weights/"
_CODE = (
    "data/pools.py", "imageset/*.py", "tensorfile.py", "arms/*.py", "augment/*.py",
    "classifier/*.py",
)  # fmt: skip

# All real images and splits.csv -> what one classifier is trained on.
Diet: TypeAlias = Callable[[ImageSet, Splits], TrainingDiet]


@dataclass(frozen=True)
class Place:
    """A fold and seed of a project.

    Args:
        params: All parameters.
        root: The project's root.
        repeat: The fold's repeat.
        fold: The fold.
        seed: The classifier's seed.
    """

    params: Params
    root: Path
    repeat: int
    fold: int
    seed: int

    @property
    def name(self) -> str:
        """The name of its classifier's file: `r0f1s0`."""
        return f"{fold_name(self.repeat, self.fold)}s{self.seed}"

    @property
    def splits(self) -> Path:
        """Where splits.csv lies."""
        return self.root / "data/splits.csv"

    @property
    def augmented(self) -> Path:
        """The fold's classically augmented set."""
        return self.root / "data/augmented" / fold_name(self.repeat, self.fold)

    def synthetic(self, tree: str) -> tuple[Path, int | None]:
        """The fold's directory in a tree of synthetic images, and the GAN seed that made them.

        Classifier seed s uses GAN seed s mod G; a tree of another maker may have one set a fold.
        """
        directory, gan_seeds = self.root / tree, 0
        while (directory / fold_name(self.repeat, self.fold, gan_seeds)).is_dir():
            gan_seeds += 1
        if gan_seeds == 0:
            return directory / fold_name(self.repeat, self.fold), None
        gan_seed = self.seed % gan_seeds
        return directory / fold_name(self.repeat, self.fold, gan_seed), gan_seed

    def kept(
        self, stage: str, owner: str, sets: Sequence[Path], facts: Mapping[str, Any], on: Machine
    ) -> Path:
        """Where the finished job lies, under a key of all that its result depends on.

        Args:
            stage: The stage that keeps it.
            owner: What the job belongs to, e.g. an arm.
            sets: The ImageSets that it trains on, beside the real images.
            facts: What else its diet depends on, fit for JSON.
            on: What computes it.
        """
        section = self.params.classify.model_dump(
            mode="json", exclude={"arms", "seeds", "synthetic_share"}
        )
        known = {
            "seed": self.params.seed,
            "classify": section,
            "augment": self.params.augment.model_dump(mode="json"),
            "machine": [on.device, on.threads, on.precision],
            **facts,
        }
        digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
        # A manifest holds the hash of every image's pixels.
        parts = [self.root / "data/images", *sets]
        package = Path(__file__).parent.parent
        files = [part / name for part in parts for name in ("manifest.csv", "meta.json")]
        code = [path for name in _CODE for path in sorted(package.glob(name))]
        for path in [self.splits, *files, *code]:
            digest.update(path.read_bytes() if path.exists() else b"absent")
        name = f"{self.name}-{digest.hexdigest()[:16]}.safetensors"
        return resume_directory(stage, owner) / name

    def seed_for(self, purpose: str) -> int:
        """A seed that the diet has no part in."""
        return derive(self.params.seed, "classify", purpose, self.repeat, self.fold, self.seed)


def fit(place: Place, kept: Path, diet: Diet, machine: Machine, report: Report) -> Path:
    """Train one classifier and keep its weights and probabilities; or find them kept.

    Args:
        place: Its fold and seed.
        kept: From `Place.kept`.
        diet: Makes what it is trained on, from the training side alone; what must not be trained
            on is refused.
        machine: What computes.
        report: Hears each step.

    Returns:
        `kept`.

    Raises:
        DataError: If an ImageSet is missing, malformed or empty.
        LeakError: If an image that must not be seen would be trained on.
    """
    if kept.exists():
        report(place.params.classify.steps)
        return kept
    images, splits = ImageSet.open(place.root / "data/images"), Splits.open(place.splits)
    eaten = diet(images, splits)
    _check(eaten, images, splits, place)
    held_out = {part: splits.select(images, place.repeat, place.fold, part) for part in SCORED}
    if len(held_out["val"]) == 0:
        where = fold_name(place.repeat, place.fold)
        raise DataError(place.splits, f"has no validation row in {where}; raise split.val_share")
    trained = _train(place, eaten, images, held_out["val"], machine, report)
    said = {
        part: torch.from_numpy(predict(trained.network, rows, machine))
        for part, rows in held_out.items()
    }
    learnt = {f"{_WEIGHTS}{name}": value for name, value in trained.network.state_dict().items()}
    origins = pd.concat([pool.images.manifest for pool in eaten.pools]).drop_duplicates("image_id")
    n_real = int(origins["origin"].eq("real").sum())
    facts = {
        "n_real": n_real,
        "n_added": len(origins) - n_real,
        "chosen_step": trained.chosen_step,
        "trace": list(trained.trace),
    }
    tensorfile.save(kept, {**said, **learnt}, facts)
    return kept


def predictions(kept: Path, place: Place, images: ImageSet, splits: Splits) -> pd.DataFrame:
    """Read what a finished job says of the validation and test rows of its fold.

    Returns:
        `image_id, repeat, fold, seed, n_real, n_added, part, label, prob_<class>...`.
    """
    tensors, facts = tensorfile.load(kept, stage="classify")
    frames = []
    for part in SCORED:
        rows = splits.select(images, place.repeat, place.fold, part).manifest
        frame = pd.DataFrame({"image_id": rows["image_id"]})
        frame["repeat"], frame["fold"], frame["seed"] = place.repeat, place.fold, place.seed
        frame["n_real"], frame["n_added"] = facts["n_real"], facts["n_added"]
        frame["part"], frame["label"] = part, rows["label"]
        for index, name in enumerate(images.meta.classes):
            frame[f"prob_{name}"] = tensors[part][:, index].numpy()
        frames.append(frame)
    return pd.concat(frames)


def validation_loss(kept: Path) -> float:
    """The lowest validation loss of a finished job's trace, which is that of its weights."""
    _, facts = tensorfile.load(kept, stage="classify")
    return min(float(row["val_loss"]) for row in facts["trace"])


def save_weights(kept: Path, place: Place, images: ImageSet, path: Path) -> None:
    """Write a finished job's classifier as `classifier.weights.load_classifier` reads it."""
    tensors, facts = tensorfile.load(kept, stage="classify")
    section = place.params.classify
    tensorfile.save(
        path,
        {
            name.removeprefix(_WEIGHTS): value
            for name, value in tensors.items()
            if name.startswith(_WEIGHTS)
        },
        {
            "model": section.model,
            "options": dict(section.options),
            "shape": list(images.shape),
            "classes": list(images.meta.classes),
            "window": list(images.meta.window),
            "chosen_step": facts["chosen_step"],
            "trace": facts["trace"],
        },
    )


def forget(kept: Iterable[Path]) -> None:
    """Drop finished jobs, once the stage's outs are written."""
    for path in kept:
        path.unlink(missing_ok=True)


def _train(
    place: Place,
    diet: TrainingDiet,
    images: ImageSet,
    validation: ImageSet,
    machine: Machine,
    report: Report,
) -> Trained:
    section = place.params.classify
    classes = len(images.meta.classes)
    init = place.seed_for("init")
    return train(
        weights.build(section.model, section.options, images.shape, classes, seed=init),
        diet,
        validation,
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
        seed=place.seed_for("train"),
        transform=choose_online(place.params.augment, images.spatial_dims),
        report=report,
    )


def _check(diet: TrainingDiet, images: ImageSet, splits: Splits, place: Place) -> None:
    """Refuse what must not be trained on, whatever made the diet."""
    allowed = splits.ids(place.repeat, place.fold, "train")
    for pool in diet.pools:
        splits.check_training(pool.images, place.repeat, place.fold)
        _check_pixels(pool.images, images, allowed)


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
