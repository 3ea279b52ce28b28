"""The stage split: the only author of what is trained on, validated on and tested on.

Reads data/images; writes data/duplicates.csv and data/splits.csv.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline import duplicates, partition, splits, tracking
from pipeline.config import Params, Split
from pipeline.duplicates import Pair
from pipeline.imageset import ImageSet
from pipeline.partition import Images
from pipeline.seeding import numpy_rng
from pipeline.splits import Splits, fold_name, size_name


def run(params: Params, root: Path, tracker: tracking.Run) -> None:
    """Find duplicates, group the images, divide them, and write both tables.

    Args:
        params: The sections `split` and `seed` are used.
        root: The project's root.
        tracker: Hears the counts.

    Raises:
        DataError: If data/images is incomplete.
        ParameterError: If a part of a fold would lack a class; the message says what to change.
    """
    images = ImageSet.open(root / "data/images")
    pairs = _find(images, params.split)
    table = divide(images, pairs, params)
    duplicates.table(images, pairs).to_csv(
        root / "data/duplicates.csv", index=False, lineterminator="\n"
    )
    table.to_csv(root / "data/splits.csv", index=False, lineterminator="\n")
    Splits.open(root / "data/splits.csv")
    figures = count(table, pairs, _contradicting(images, pairs))
    tracker.metrics(figures)
    tqdm.write(describe(images, table, figures))


def divide(images: ImageSet, pairs: list[Pair], params: Params) -> pd.DataFrame:
    """Make the rows of splits.csv.

    Args:
        images: All real images.
        pairs: Duplicates among them.
        params: The sections `split` and `seed` are used.
    """
    group = duplicates.groups(list(images.manifest["patient_id"]), pairs)
    excluded = np.zeros(len(images), np.bool_)
    if params.split.duplicates.contradicting == "exclude":
        excluded = _contradicting(images, pairs)
    known = Images(images.labels, group, excluded, images.meta.classes)
    columns = {
        "image_id": images.manifest["image_id"].to_numpy(),
        "group_id": [f"g{number + 1:05d}" for number in group],
    }
    frames = []
    for repeat, fold, size, part in _limited(images, known, params):
        mine = {"repeat": repeat, "fold": fold, "part": part, "train_patients": size_name(size)}
        frames.append(pd.DataFrame({**columns, **mine}))
    return pd.concat(frames, ignore_index=True)[list(splits.COLUMNS)]


def count(
    table: pd.DataFrame, pairs: list[Pair], contradicting: NDArray[np.bool_]
) -> dict[str, float]:
    """Count what the split did, keyed as logged."""
    first = table[(table["repeat"] == 0) & (table["fold"] == 0)]
    return {
        "images": len(first),
        "groups": int(first["group_id"].nunique()),
        "exact_pairs": sum(pair.kind == "exact" for pair in pairs),
        "near_pairs": sum(pair.kind == "near" for pair in pairs),
        "contradicting_images": int(contradicting.sum()),
        **{f"{part}_images": int((first["part"] == part).sum()) for part in splits.PARTS},
    }


def describe(images: ImageSet, table: pd.DataFrame, figures: dict[str, float]) -> str:
    """Lay out in a few lines what the split did, for the terminal."""
    labels = images.manifest.set_index("image_id")["label"]
    fold = [fold_name(int(r), int(f)) for r, f in zip(table["repeat"], table["fold"], strict=True)]
    part = pd.Categorical(table["part"], splits.PARTS)
    label = pd.Categorical(table["image_id"].map(labels), images.meta.classes)
    counts = pd.crosstab([fold, part], label, rownames=["fold", "part"], colnames=[""])
    return (
        f"{figures['images']} images in {figures['groups']} groups; "
        f"{figures['exact_pairs']} exact and {figures['near_pairs']} near duplicates, "
        f"{figures['contradicting_images']} images among them with contradicting labels "
        f"(data/duplicates.csv)\n{counts.to_string()}"
    )


def _find(images: ImageSet, options: Split) -> list[Pair]:
    if not options.duplicates.enabled:
        return []
    return duplicates.find_duplicates(
        images,
        max_hash_distance=options.duplicates.max_hash_distance,
        min_correlation=options.duplicates.min_correlation,
        mirrored=options.duplicates.mirrored,
    )


def _contradicting(images: ImageSet, pairs: list[Pair]) -> NDArray[np.bool_]:
    return duplicates.contradicting(images.labels, duplicates.clusters(len(images), pairs))


def _limited(
    images: ImageSet, known: Images, params: Params
) -> Iterator[tuple[int, int, float | None, NDArray[np.str_]]]:
    """Yield (repeat, fold, size, parts of all images), each size of the training part in turn."""
    options, whole = params.split, list(_parts(images, known, params))
    for position, size in enumerate(options.sizes):
        for draw, fold, part in whole:
            repeat = position * options.repeats + draw
            if size is None:
                yield repeat, fold, size, part
                continue
            # Folds are shuffled anew for each repeat; a single test part keeps its pool, and there
            # the repeats divide the pool among themselves.
            folded = options.scheme == "kfold"
            key, turn, turns = (draw, 0, 1) if folded else (0, draw, options.repeats)
            rng = numpy_rng(params.seed, "split", "train_patients", key, fold)
            limited = partition.limit_training(known, part, size, rng=rng, draw=turn, draws=turns)
            yield repeat, fold, size, limited


def _parts(
    images: ImageSet, known: Images, params: Params
) -> Iterator[tuple[int, int, NDArray[np.str_]]]:
    """Yield (repeat, fold, parts of all images) after `split.scheme`."""
    options = params.split
    if options.scheme == "kfold":
        for repeat in range(options.repeats):
            rng = numpy_rng(params.seed, "split", "kfold", repeat)
            divided = partition.kfold(
                known, folds=options.folds, val_share=options.val_share, rng=rng
            )
            for fold, part in enumerate(divided):
                yield repeat, fold, part
        return
    rng = numpy_rng(params.seed, "split", options.scheme)
    if options.scheme == "holdout":
        part = partition.holdout(
            known, test_share=options.test_share, val_share=options.val_share, rng=rng
        )
    else:
        manifest = images.manifest
        given = list(manifest["official_part"]) if "official_part" in manifest else []
        part = partition.official(known, given, val_share=options.val_share, rng=rng)
    for repeat in range(options.repeats):
        yield repeat, 0, part
