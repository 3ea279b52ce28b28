"""A covariate alone: its closed forms, and that test rows are scored and never fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import ParameterError
from pipeline.imageset import ImageSet
from pipeline.report import covariates, measures, outcomes
from pipeline.seeding import numpy_rng
from pipeline.splits import Splits
from tests.simulated_run import make_run

ARMS = {"real": 1.0, "classical": 1.0}


@pytest.fixture
def root(tmp_path):
    """A cross-validated run of two classes."""
    return make_run(tmp_path, ARMS)


def predicted(root, columns: dict[str, object]) -> outcomes.Outcomes:
    """Add columns to the manifest and predict from each of them."""
    path = root / "data/images/manifest.csv"
    pd.read_csv(path, dtype=str, keep_default_na=False).assign(**columns).to_csv(path, index=False)
    images, splits = ImageSet.open(root / "data/images"), Splits.open(root / "data/splits.csv")
    arms = outcomes.read(list(ARMS), images, splits, root / "predictions")["all"]
    return covariates.predict(list(columns), images, splits, arms)


def labels(root) -> np.ndarray:
    """Whether each image is of the second class."""
    return ImageSet.open(root / "data/images").labels


def figure(found: outcomes.Outcomes, name: str, metric: str = "auc") -> float:
    """Mean over folds."""
    return measures.measure(found, 1, rng=numpy_rng(0, "draws"))[name].overall[metric].mean


def test_closed_forms(root):
    """What separates the classes has AUC 1 whichever way it points; a constant has one half."""
    truth = labels(root)
    columns = {"far": truth * 30.0, "less": -5.0 * truth, "same": np.full(len(truth), 7.5)}
    found = predicted(root, columns)
    assert found.arms == ("far", "less", "same")
    assert [figure(found, name) for name in columns] == [1.0, 1.0, 0.5]
    assert figure(found, "far", "accuracy") == 1.0


def test_units_do_not_matter(root):
    """Metres or micrometres: a column is standardised first."""
    size = labels(root) + numpy_rng(3, "sizes").normal(size=len(labels(root)))
    found = predicted(root, {"small": size * 1e-3, "large": 40 + size * 1e6})
    for fold in found.folds:
        np.testing.assert_allclose(
            fold.probabilities["small"], fold.probabilities["large"], atol=1e-4
        )


def test_a_relation_of_test_rows_alone_is_not_learned(root):
    """Planted in one fold's test rows only, it leaves that fold's model as it was."""
    splits = Splits.open(root / "data/splits.csv")
    ids = ImageSet.open(root / "data/images").manifest["image_id"]
    tested = ids.isin(splits.ids(0, 0, "test")).to_numpy()
    noise = numpy_rng(4, "noise").normal(size=len(ids))
    plain = predicted(root, {"size": noise}).folds[0]
    # Each test row keeps its value and gets the other class: a model that had seen it would differ.
    for path in ("data/images/manifest.csv", *(f"predictions/{arm}.csv" for arm in ARMS)):
        frame = pd.read_csv(root / path, dtype=str, keep_default_na=False)
        swapped = frame["label"].map({"cyst": "metastasis", "metastasis": "cyst"})
        frame["label"] = frame["label"].where(~frame["image_id"].isin(ids[tested]), swapped)
        frame.to_csv(root / path, index=False)
    planted = predicted(root, {"size": noise}).folds[0]
    assert (planted.labels == 1 - plain.labels).all()
    assert (planted.probabilities["size"] == plain.probabilities["size"]).all()


def test_values_of_test_rows_do_not_set_the_scale(root):
    """Standardised by training rows: one wild test value moves no other test row's score."""
    splits = Splits.open(root / "data/splits.csv")
    images = ImageSet.open(root / "data/images")
    wild = np.flatnonzero(images.manifest["image_id"].isin(splits.ids(0, 0, "test")))[0]
    size = images.labels + numpy_rng(5, "sizes").normal(size=len(images))
    other = size.copy()
    other[wild] = 1e6
    first = predicted(root, {"size": size, "other": other}).folds[0].probabilities
    assert (first["size"] != first["other"]).any(axis=2).sum() == 1


def test_probabilities_sum_to_one_with_three_classes(tmp_path):
    """And a class without training rows gets none."""
    root = make_run(tmp_path, ARMS, classes=("a", "b", "c"), positive_class=None)
    size = labels(root) + 0.0
    for fold in predicted(root, {"size": size}).folds:
        np.testing.assert_allclose(fold.probabilities["size"].sum(axis=2), 1)
    scores = covariates._fit(size[size < 2], labels(root)[size < 2], size, 3)
    assert (scores[:, 2] == 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("diameter", "is not there; choose among diameter_mm, or"),
        ("place", "is not numeric; choose among diameter_mm, or"),
        ("selected", "is the pipeline's own; choose among diameter_mm, or"),
    ],
)
def test_a_wrong_column_names_the_parameter_and_the_choice(root, name, message):
    """Missing, in words, or a bookkeeping column."""
    count = len(labels(root))
    predicted(root, {"diameter_mm": np.arange(count)})
    columns = {"place": "deep"} if name == "place" else {}
    images = ImageSet.open(root / "data/images")
    images.manifest = images.manifest.assign(**columns)
    splits = Splits.open(root / "data/splits.csv")
    arms = outcomes.read(list(ARMS), images, splits, root / "predictions")["all"]
    with pytest.raises(ParameterError, match=rf"compare\.covariates: .*{name}.*{message}"):
        covariates.predict([name], images, splits, arms)


def test_gaps_are_refused_with_their_number(root):
    """A guess in the place of a missing measurement would be a result of its own."""
    values = [str(value) for value in range(len(labels(root)))]
    with pytest.raises(ParameterError, match=r"compare\.covariates: .*for 1 of 60 images"):
        predicted(root, {"diameter_mm": ["", *values[1:]]})
