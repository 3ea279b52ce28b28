"""The stage augment: each fold's training rows, and classically augmented copies of them.

A copy depends on its parent's pixels and on the seed in its own row alone, so neither workers nor
batches change a byte, and any copy can be replayed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline import tracking
from pipeline.compute import Machine, Report, parallel_map
from pipeline.config import Augment, Params
from pipeline.errors import ParameterError
from pipeline.imageset import COLUMNS, ImageSet, ImageSetWriter, parsed_spacing
from pipeline.seeding import derive
from pipeline.splits import Splits, fold_name

if TYPE_CHECKING:
    from pipeline.augment.classical import Augmentation

_BATCH = 64
_GIB = 2**30
_WORTH_WORKERS = 2**27  # pixels, some six seconds of work


@dataclass(frozen=True)
class FoldJob:
    """One fold's set to make.

    Args:
        root: The project's root.
        repeat: The fold's repeat.
        fold: The fold.
        augment: The section of params.yaml.
        seed: The root seed.
    """

    root: Path
    repeat: int
    fold: int
    augment: Augment
    seed: int

    @property
    def name(self) -> str:
        """The fold's name, and its directory's."""
        return fold_name(self.repeat, self.fold)


def run(params: Params, root: Path, tracker: tracking.Run) -> None:
    """Write data/augmented/r{repeat}f{fold} for every fold.

    Raises:
        ParameterError: If the sets would be greater than augment.max_gib, or the augmentation
            does not fit the images.
    """
    from pipeline.augment.choice import choose

    images, splits = _inputs(root)
    choose(params.augment, images.spatial_dims)
    folds = splits.folds()
    trained = sum(len(splits.select(images, *pair, "train")) for pair in folds)
    total = trained * (1 + params.augment.copies)
    _check_size(images, total, len(folds), params.augment.max_gib)
    # Sets of folds that are no more would otherwise stay beside the new ones.
    shutil.rmtree(root / "data/augmented", ignore_errors=True)
    jobs = [FoldJob(root, *pair, params.augment, params.seed) for pair in folds]
    # Little work is done sooner than processes are started. On the CPU whatever the device:
    # interpolation on a GPU rounds differently, and all later stages are keyed by these bytes.
    little = total * int(np.prod(images.shape)) < _WORTH_WORKERS
    workers = 1 if little else params.compute.workers
    parallel_map(
        write_fold,
        jobs,
        Machine("cpu", params.compute.threads, workers),
        names=[job.name for job in jobs],
        total=total,
        description="augment",
        listener=tracker.listen,
    )


def write_fold(job: FoldJob, machine: Machine, report: Report) -> None:  # noqa: ARG001
    """Write one fold's set: its training rows as they are, then the copies of each."""
    from pipeline.augment.choice import choose

    images, splits = _inputs(job.root)
    train = splits.select(images, job.repeat, job.fold, "train")
    splits.check_training(train, job.repeat, job.fold)
    augmentation = choose(job.augment, images.spatial_dims)
    with ImageSetWriter(
        job.root / "data/augmented" / job.name,
        images.meta,
        capacity=len(train) * (1 + job.augment.copies),
        shape=train.shape,
        dtype=train.dtype,
        masks=train.has_masks,
    ) as writer:
        for rows in _batches(len(train), _BATCH):
            _add_originals(writer, train, rows)
            report(len(rows))
        for rows in _batches(len(train), max(1, _BATCH // job.augment.copies)):
            _add_copies(writer, train, rows, augmentation, job)
            report(len(rows) * job.augment.copies)


def copy_seed(job: FoldJob, parent: str, number: int) -> int:
    """The seed of one copy, from which `numpy.random.default_rng` draws its parameters."""
    return derive(job.seed, "augment", job.repeat, job.fold, parent, number)


def _inputs(root: Path) -> tuple[ImageSet, Splits]:
    return ImageSet.open(root / "data/images"), Splits.open(root / "data/splits.csv")


def _check_size(images: ImageSet, count: int, folds: int, max_gib: float) -> None:
    pixels = int(np.prod(images.shape[1:]))
    each = int(np.prod(images.shape)) * images.dtype.itemsize + images.has_masks * pixels
    gib = count * each / _GIB
    tqdm.write(
        f"augment: {count} images in {folds} folds, {gib:.3g} GiB of augment.max_gib {max_gib:g}"
    )
    if gib > max_gib:
        raise ParameterError(
            "augment.max_gib",
            f"got {max_gib:g}, but the sets would take {gib:.3g} GiB; raise it, or lower "
            "augment.copies, split.folds or ingest.size",
        )


def _batches(count: int, size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def _add_originals(writer: ImageSetWriter, train: ImageSet, rows: NDArray[np.int64]) -> None:
    stored = train.stored(rows)
    masks = train.masks(rows) if train.has_masks else None
    for position, row in enumerate(rows):
        kept = train.manifest.iloc[row]
        writer.add(
            stored[position],
            image_id=kept["image_id"],
            origin=kept["origin"],
            mask=None if masks is None else masks[position],
            **_inherited(kept),
        )


def _add_copies(
    writer: ImageSetWriter,
    train: ImageSet,
    rows: NDArray[np.int64],
    augmentation: Augmentation,
    job: FoldJob,
) -> None:
    import torch

    copies = job.augment.copies
    parents = train.take(np.repeat(rows, copies))
    names = list(
        zip(parents.manifest["image_id"], list(range(1, copies + 1)) * len(rows), strict=True)
    )
    seeds = [copy_seed(job, parent, number) for parent, number in names]
    made = augmentation(
        torch.from_numpy(parents.scaled()),
        rng=[np.random.default_rng(seed) for seed in seeds],
        masks=torch.from_numpy(parents.masks()) if parents.has_masks else None,
        spacing=torch.from_numpy(parents.spacing),
    )
    stored = parents.meta.unscale(made.images.numpy(), parents.dtype)
    masks = None if made.masks is None else made.masks.numpy()
    for position, (parent, number) in enumerate(names):
        writer.add(
            stored[position],
            image_id=f"{parent}-c{number}",
            origin="classical",
            mask=None if masks is None else masks[position],
            parent_ids=[parent],
            seed=seeds[position],
            **_inherited(parents.manifest.iloc[position]),
        )


def _inherited(row: pd.Series[Any]) -> dict[str, Any]:
    """What an original keeps and its copies take over."""
    return {
        "label": row["label"],
        "patient_id": row["patient_id"],
        "spacing_mm": parsed_spacing(row["spacing_mm"]),
        "attributes": {name: row[name] for name in row.index if name not in COLUMNS},
    }
