"""What a classifier scores without looking: single columns of the manifest, such as a diameter.

Where one number tells the classes apart almost by itself, an arm that does no better has learned
that number and little else. Each column gets a logistic regression of its own, fitted on the
training rows of a fold and measured on its test rows, in the way that arms are measured. It is no
arm: it is held against none and gets no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.imageset import ImageSet
from pipeline.imageset.added import numbers
from pipeline.report.outcomes import Outcomes
from pipeline.splits import Splits


def predict(
    columns: Sequence[str], images: ImageSet, splits: Splits, outcomes: Outcomes
) -> Outcomes:
    """Predict every fold's test images from one column at a time.

    Args:
        columns: Numeric columns that the source added to the manifest.
        images: All real images.
        splits: Which images each fold trains on.
        outcomes: The arms', for the folds and their test images.

    Returns:
        The same folds with the columns in the place of arms, and one seed: nothing is drawn.

    Raises:
        ParameterError: If a column is missing, not numeric or has gaps.
    """
    values = {name: numbers(name, images.manifest) for name in columns}
    row_of = pd.Series(range(len(images)), index=images.manifest["image_id"])
    folds = []
    for fold in outcomes.folds:
        train = splits.select(images, fold.repeat, fold.fold, "train")
        splits.check_training(train, fold.repeat, fold.fold)
        seen = row_of.loc[train.manifest["image_id"]].to_numpy()
        tested = row_of.loc[sorted(splits.ids(fold.repeat, fold.fold, "test"))].to_numpy()
        found = {
            name: _fit(column[seen], train.labels, column[tested], len(outcomes.classes))[None]
            for name, column in values.items()
        }
        folds.append(replace(fold, probabilities=found))
    return replace(outcomes, arms=tuple(values), seeds=(0,), folds=tuple(folds), runs={})


def _fit(
    train: NDArray[np.float64],
    labels: NDArray[np.int64],
    test: NDArray[np.float64],
    classes: int,
) -> NDArray[np.float64]:
    """Probabilities (n, K) of the test values; a class without training rows gets none."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probabilities = np.zeros((len(test), classes))
    present = np.unique(labels)
    if len(present) == 1:
        probabilities[:, present] = 1.0
        return probabilities
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(train[:, None], labels)
    probabilities[:, present] = model.predict_proba(test[:, None])
    return probabilities
