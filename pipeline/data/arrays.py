"""Images as scikit-learn's `X, y, groups`, and folds that test on real images alone.

A synthetic image is nobody's, so it is a group of its own; a splitter that knows groups alone would
put it into test folds. `RealTestFolds` never does, and adds to a training fold only what was made
without that fold's test patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.data.leaks import fold_of, opened
from pipeline.data.pools import Dataset
from pipeline.errors import DataError, LeakError
from pipeline.imageset import ImageSet
from pipeline.readers.imageset import trained_on
from pipeline.splits import Splits

_ROWS_AT_ONCE = 256


class Arrays(NamedTuple):
    """What scikit-learn's functions take.

    Args:
        X: (n, D) float32, pixels in [-1, 1] or features.
        y: (n,) class names.
        groups: (n,) the patient of a real image; of a synthetic one itself.
        folds: For `cv=`: yields training and test positions; tests real images alone.
    """

    X: NDArray[np.float32]
    y: NDArray[np.str_]
    groups: NDArray[np.str_]
    folds: RealTestFolds


class RealTestFolds:
    """A cross-validation splitter: synthetic images train, and real ones alone are tested.

    Args:
        real: Real images, the first rows.
        synthetic: Synthetic images, the rows after.
        splits: splits.csv or its path, which then makes the folds; None looks for it above the
            real images.
        cv: A scikit-learn splitter that makes the folds of the real rows by their patients, for
            synthetic images that belong to no fold.

    Raises:
        LeakError: If synthetic images tell a fold and there is no splits.csv to find it in, or name
            parents that are no training rows of it.
        DataError: If there is nothing to make folds by.
    """

    def __init__(
        self,
        real: ImageSet,
        synthetic: ImageSet | None = None,
        *,
        splits: Splits | Path | str | None = None,
        cv: Any = None,
    ) -> None:
        self._real = real
        self._synthetic = synthetic
        self._told = [] if synthetic is None else trained_on(synthetic)
        self._cv = cv
        self._splits = None if cv is not None else opened(splits, real)
        if self._splits is None and cv is None:
            raise DataError(real.root, "has no splits.csv above it; give splits= or cv=")
        if self._splits is None and any(self._told):
            fold = min(filter(None, self._told))
            raise LeakError(
                f"{self._root}: was made from the training patients of {fold}; only the folds of "
                "its splits.csv keep these out of test: give splits="
            )

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002, N803
        """Count the folds."""
        return sum(1 for _ in self.split())

    def split(
        self,
        X: Any = None,  # noqa: ARG002, N803
        y: Any = None,  # noqa: ARG002
        groups: Any = None,  # noqa: ARG002
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield positions to train on, real ones first, and real positions to test."""
        first = len(self._real)
        if self._splits is None:
            every = np.arange(len(self._told)) + first
            patients = self._real.manifest["patient_id"].to_numpy(str)
            for train, test in self._cv.split(np.zeros(first), self._real.labels, patients):
                if set(patients[train]) & set(patients[test]):
                    raise LeakError(
                        "cv: puts images of one patient into both parts; take GroupKFold"
                    )
                yield np.concatenate([train, every]), test
            return
        ids = self._real.manifest["image_id"]
        for repeat, fold in self._splits.folds():
            parts = [
                np.flatnonzero(ids.isin(self._splits.ids(repeat, fold, part)))
                for part in ("train", "test")
            ]
            if len(parts[0]) and len(parts[1]):
                added = self._made_for(repeat, fold) + first
                yield np.concatenate([parts[0], added]), parts[1]

    @property
    def _root(self) -> Path | None:
        return None if self._synthetic is None else self._synthetic.root

    def _made_for(self, repeat: int, fold: int) -> NDArray[np.int64]:
        """Rows of the synthetic images that this fold may train on."""
        rows = [
            row
            for row, name in enumerate(self._told)
            if not name or fold_of(name) == (repeat, fold)
        ]
        if rows and self._synthetic is not None and self._splits is not None:
            self._splits.check_training(self._synthetic.take(rows), repeat, fold)
        return np.asarray(rows, np.int64)


def sklearn_arrays(
    real: ImageSet,
    synthetic: ImageSet | None = None,
    *,
    splits: Splits | Path | str | None = None,
    cv: Any = None,
) -> Arrays:
    """Lay out images as rows for scikit-learn.

    Args:
        real: Real images.
        synthetic: Synthetic images, of one or of several folds; those that selection refused are
            left out.
        splits: See `RealTestFolds`.
        cv: See `RealTestFolds`.

    Returns:
        `X, y, groups, folds`, as for `cross_val_score(model, X, y, groups=groups, cv=folds)`.

    Raises:
        DataError: If the sets disagree in shape or classes.
        LeakError: See `RealTestFolds`.
    """
    if synthetic is not None:
        synthetic = synthetic.take(synthetic.manifest["selected"].eq(1).to_numpy(bool))
    sets = [real] if synthetic is None else [real, synthetic]
    Dataset(*sets)  # refuses sets that disagree
    features = np.empty((sum(map(len, sets)), int(np.prod(real.shape))), np.float32)
    start = 0
    for images in sets:
        for low in range(0, len(images), _ROWS_AT_ONCE):
            some = images.scaled(slice(low, low + _ROWS_AT_ONCE))
            features[start : start + len(some)] = some.reshape(len(some), -1)
            start += len(some)
    labels = np.concatenate([images.manifest["label"].to_numpy(str) for images in sets])
    owners = [real.manifest["patient_id"].to_numpy(str)]
    if synthetic is not None:
        owners.append(np.char.add("synthetic ", synthetic.manifest["image_id"].to_numpy(str)))
    folds = RealTestFolds(real, synthetic, splits=splits, cv=cv)
    return Arrays(features, labels, np.concatenate(owners), folds)
