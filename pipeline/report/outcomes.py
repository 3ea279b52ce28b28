"""What the arms predicted, read from predictions/<arm>.csv and aligned image by image.

Everything that is compared later is paired, so reading is strict: every arm must have predicted the
test images of every fold, exactly those that splits.csv names, with the same seeds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.imageset import ImageSet
from pipeline.splits import Splits

RUN_COLUMNS = ("repeat", "fold", "seed", "gan_seed", "n_real", "n_added")
COLUMNS = ("image_id", *RUN_COLUMNS, "share", "chosen", "part", "label")


@dataclass(frozen=True)
class Fold:
    """The test images of one fold and what every arm said of them.

    Args:
        repeat: Repeat of the cross-validation.
        fold: Fold of the repeat.
        labels: (n,) class indices.
        groups: (n,) index of each image's group among all groups of the test images.
        training: Ids of the groups that the fold was trained on.
        probabilities: For each arm, (S, n, K): seeds, images, classes.
    """

    repeat: int
    fold: int
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    training: frozenset[str]
    probabilities: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Outcomes:
    """The aligned test predictions of all arms at one size of the training part.

    Args:
        classes: Class names, in index order.
        positive_class: The class whose detection is sensitivity, with two classes.
        arms: In the order of params.yaml.
        seeds: Classifier seeds, the same in every fold and arm.
        folds: One entry a fold and repeat.
        strata: (G,) the most frequent class of each group's test images.
        patients: Distinct patients among the test images.
        images: Distinct test images.
        runs: For each arm, one row a trained classifier, `RUN_COLUMNS`.
    """

    classes: tuple[str, ...]
    positive_class: str | None
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    folds: tuple[Fold, ...]
    strata: NDArray[np.int64]
    patients: int
    images: int
    runs: Mapping[str, pd.DataFrame]

    @property
    def positive(self) -> int | None:
        """Index of the positive class, with two classes."""
        if len(self.classes) != 2 or self.positive_class is None:
            return None
        return self.classes.index(self.positive_class)

    @property
    def averaged(self) -> tuple[int, ...]:
        """Classes that means over classes are made of: both of two, or those that are tested."""
        if len(self.classes) == 2:
            return 0, 1
        found = np.concatenate([fold.labels for fold in self.folds])
        return tuple(int(label) for label in np.unique(found))

    @property
    def smallest_class(self) -> int:
        """Test groups of the rarest class, the least that any figure of a class rests on."""
        groups: dict[int, set[int]] = {}
        for fold in self.folds:
            for label, group in zip(fold.labels.tolist(), fold.groups.tolist(), strict=True):
                groups.setdefault(label, set()).add(group)
        return min(len(members) for members in groups.values())

    @property
    def test_train_ratio(self) -> float:
        """Mean over folds of test groups per training group."""
        ratios = [len(np.unique(fold.groups)) / max(len(fold.training), 1) for fold in self.folds]
        return float(np.mean(ratios))

    def generators(self, arm: str) -> NDArray[np.int64] | None:
        """(J, S) the GAN seed whose images each run of an arm was trained on, None without."""
        runs = self.runs.get(arm)
        if runs is None or "gan_seed" not in runs:
            return None
        made = pd.to_numeric(runs["gan_seed"], errors="coerce")
        if made.isna().any():
            return None
        keys = zip(runs["repeat"], runs["fold"], runs["seed"], strict=True)
        named = dict(zip(keys, made, strict=True))
        return np.array(
            [[named[fold.repeat, fold.fold, seed] for seed in self.seeds] for fold in self.folds],
            np.int64,
        )


def read(
    arms: Sequence[str], images: ImageSet, splits: Splits, directory: Path
) -> dict[str, Outcomes]:
    """Read and align the test predictions of some arms.

    Args:
        arms: Their names; only these files are read.
        images: All real images, for labels and patients.
        splits: Which images each fold tests.
        directory: Where predictions/<arm>.csv lie.

    Returns:
        For each size of the training part, as splits.csv names it and the headline one first,
        the predictions of the variants that validation chose.

    Raises:
        DataError: If a file is missing or malformed, or if the arms did not predict the same
            test images with the same seeds.
    """
    tables = {arm: _table(directory / f"{arm}.csv", images.meta.classes) for arm in arms}
    seeds = sorted(set(tables[arms[0]]["seed"]))
    for arm in arms:
        if sorted(set(tables[arm]["seed"])) != seeds:
            raise DataError(
                directory / f"{arm}.csv",
                f"has the seeds {sorted(set(tables[arm]['seed']))} but {arms[0]} has {seeds}; "
                "run the stage classify again for both",
            )
    return {size: _of_size(size, tables, images, splits, directory) for size in splits.sizes()}


def _of_size(
    size: str,
    tables: Mapping[str, pd.DataFrame],
    images: ImageSet,
    splits: Splits,
    directory: Path,
) -> Outcomes:
    """Align the arms on the folds of one size."""
    pairs, arms = splits.folds(size), list(tables)
    seeds = sorted(set(tables[arms[0]]["seed"]))
    repeats = {repeat for repeat, _ in pairs}
    tested = splits.frame[splits.frame["part"].eq("test") & splits.frame["repeat"].isin(repeats)]
    group_of = tested.drop_duplicates("image_id").set_index("image_id")["group_id"]
    index_of = {group: index for index, group in enumerate(sorted(set(group_of)))}
    truth = pd.Series(images.labels, index=images.manifest["image_id"])
    folds = []
    for repeat, fold in pairs:
        ids = sorted(splits.ids(repeat, fold, "test"))
        found = {}
        for arm in arms:
            path = directory / f"{arm}.csv"
            found[arm] = _aligned(path, tables[arm], (repeat, fold), ids, seeds, images)
        groups = np.array([index_of[group_of[image]] for image in ids], np.int64)
        labels = truth.loc[ids].to_numpy(np.int64)
        training = _groups(splits, repeat, fold, "train")
        folds.append(Fold(repeat, fold, labels, groups, training, found))
    patients = images.manifest.loc[images.manifest["image_id"].isin(group_of.index), "patient_id"]
    return Outcomes(
        classes=images.meta.classes,
        positive_class=images.meta.positive_class,
        arms=tuple(arms),
        seeds=tuple(int(seed) for seed in seeds),
        folds=tuple(folds),
        strata=_strata(folds, len(index_of), len(images.meta.classes)),
        patients=int(patients.nunique()),
        images=len(group_of),
        runs={arm: _runs(tables[arm], repeats) for arm in arms},
    )


def _table(path: Path, classes: Sequence[str]) -> pd.DataFrame:
    if not path.exists():
        raise DataError(path, f"is missing; run `dvc repro classify@{path.stem}`")
    text = {"image_id": str, "part": str, "label": str}
    frame = pd.read_csv(path, dtype=text, keep_default_na=False)
    wanted = [*COLUMNS, *(f"prob_{name}" for name in classes)]
    missing = [name for name in wanted if name not in frame]
    if missing:
        raise DataError(
            path, f"lacks the columns {', '.join(missing)}; run the stage classify again"
        )
    frame = frame[frame["part"].eq("test") & frame["chosen"].eq(1)].reset_index(drop=True)
    if frame.empty:
        raise DataError(path, "has no chosen row of the part `test`; run the stage classify again")
    if frame.duplicated(["repeat", "fold", "seed", "image_id"]).any():
        raise DataError(
            path, "predicts an image twice for one fold and seed; run the stage classify again"
        )
    return frame


def _aligned(
    path: Path,
    table: pd.DataFrame,
    where: tuple[int, int],
    ids: Sequence[str],
    seeds: Sequence[int],
    images: ImageSet,
) -> NDArray[np.float64]:
    """One arm's probabilities on one fold, (S, n, K), in the order of seeds and ids."""
    repeat, fold = where
    place = f"repeat {repeat}, fold {fold}"
    here = table[table["repeat"].eq(repeat) & table["fold"].eq(fold)]
    names = images.manifest.set_index("image_id")["label"]
    layers = []
    for seed in seeds:
        rows = here[here["seed"].eq(seed)].set_index("image_id").sort_index()
        if sorted(rows.index) != list(ids):
            raise DataError(
                path,
                f"does not hold the {len(ids)} test images that splits.csv names for {place} at "
                f"seed {seed} ({len(rows)} rows); run the stage classify again",
            )
        rows = rows.loc[list(ids)]
        if not rows["label"].eq(names.loc[list(ids)]).all():
            raise DataError(path, f"disagrees with data/images about labels in {place}")
        columns = [f"prob_{name}" for name in images.meta.classes]
        values = rows[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
        if not (np.isfinite(values).all() and np.allclose(values.sum(axis=1), 1, atol=1e-3)):
            raise DataError(
                path, f"has probabilities that are no numbers or do not sum to 1 in {place}"
            )
        layers.append(values)
    return np.stack(layers)


def _groups(splits: Splits, repeat: int, fold: int, part: str) -> frozenset[str]:
    frame = splits.frame
    here = frame["repeat"].eq(repeat) & frame["fold"].eq(fold) & frame["part"].eq(part)
    return frozenset(frame.loc[here, "group_id"])


def _strata(folds: Sequence[Fold], groups: int, classes: int) -> NDArray[np.int64]:
    counts = np.zeros((groups, classes), np.int64)
    for fold in folds:
        np.add.at(counts, (fold.groups, fold.labels), 1)
    return np.asarray(counts.argmax(axis=1), np.int64)


def _runs(table: pd.DataFrame, repeats: Collection[int]) -> pd.DataFrame:
    rows = table.loc[table["repeat"].isin(repeats), list(RUN_COLUMNS)].drop_duplicates()
    return rows.sort_values(["repeat", "fold", "seed"]).reset_index(drop=True)
