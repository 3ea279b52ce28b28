"""Room on the disk, and which filesystem a path lies on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config import Params
from pipeline.doctor.finding import Finding, Project, ok, problem, unasked, warning

_GIB = 2**30
# Models, synthetic sets, MLflow and DVC's bookkeeping of a run of the default's size.
_REST_GIB = 1.0
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afs", "lustre", "gpfs", "beegfs", "9p"}
)


def room(project: Project) -> Finding:
    """Whether data/augmented fits on the disk, once as it is and without counting DVC's links."""
    if project.params is None:
        return unasked()
    free = free_gib(project.root)
    most = project.params.augment.max_gib
    predicted = augmented_gib(project.root, project.params)
    if predicted is None:
        said = f"{free:.1f} GiB free; data/augmented may take up to augment.max_gib {most:g}"
        if free < most + _REST_GIB:
            mend = f"free {most + _REST_GIB - free:.1f} GiB, or lower augment.max_gib"
            return warning(said, mend)
        return ok(said)
    said = f"{free:.1f} GiB free; data/augmented will take {predicted:.3g}"
    if predicted > most:
        mend = "raise augment.max_gib, or lower augment.copies, split.folds or ingest.size"
        return problem(f"{said}, more than augment.max_gib {most:g}", mend)
    if free < predicted + _REST_GIB:
        mend = f"free {predicted + _REST_GIB - free:.1f} GiB, or lower augment.copies"
        return problem(said, mend)
    return ok(said)


def augmented_gib(root: Path, params: Params) -> float | None:
    """Predict what data/augmented takes, from data/images; None before ingest has run.

    Each fold keeps its training rows and `augment.copies` of each.
    """
    sets = root / "data/images"
    try:
        images = np.load(sets / "images.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    pixels = int(np.prod(images.shape[2:]))
    masks = pixels if (sets / "masks.npy").is_file() else 0
    each = pixels * images.shape[1] * images.dtype.itemsize + masks
    rows = _training_rows(root, params, len(images))
    return float(rows * (1 + params.augment.copies) * each / _GIB)


def _training_rows(root: Path, params: Params, images: int) -> float:
    """Training rows of all folds together: those of splits.csv, or what they will be about."""
    try:
        parts = pd.read_csv(root / "data/splits.csv", usecols=["part"], dtype=str)["part"]
        return float(parts.eq("train").sum())
    except (OSError, ValueError):
        pass
    split = params.split
    kfold = split.scheme == "kfold"
    folds = split.folds * split.repeats if kfold else split.repeats
    tested = 1 / split.folds if kfold else split.test_share
    trained = images * (1 - tested) * (1 - split.val_share)
    # Of so many patients, each has a few images at most: a count is taken for as many rows.
    sizes = [1.0 if size is None else size for size in split.sizes]
    return folds * sum(
        min(size, trained) if isinstance(size, int) else size * trained for size in sizes
    )


def free_gib(path: Path) -> float:
    """Free space where a path lies."""
    return shutil.disk_usage(path).free / _GIB


def filesystem_of(path: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """The type of the filesystem that a path lies on, e.g. `ext4`; nothing where nobody tells."""
    if not mounts.is_file():
        return ""
    resolved = path.resolve()
    deepest, kind = -1, ""
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        place = Path(words[1].replace("\\040", " "))
        if resolved.is_relative_to(place) and len(place.parts) >= deepest:
            deepest, kind = len(place.parts), words[2]
    return kind
