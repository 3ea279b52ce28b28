"""The arms in parts of the test images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import ParameterError
from pipeline.imageset import ImageSet
from pipeline.report import subgroups
from pipeline.report.evidence import Design
from pipeline.report.outcomes import read
from pipeline.seeding import numpy_rng
from pipeline.splits import Splits
from pipeline.statistics import corrected_t, wilson
from tests.simulated_run import make_run

ARMS = {"classical": 1.0, "synthetic": 3.0}
METRICS = ["balanced_accuracy", "auc"]


@pytest.fixture
def root(tmp_path):
    """A finished run of 60 patients with two images each and three folds."""
    return make_run(tmp_path, ARMS, patients=60)


def described(root, **columns):
    """The run's images, splits and predictions, with columns added to the manifest."""
    path = root / "data/images/manifest.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame.assign(**columns).to_csv(path, index=False)
    images, splits = ImageSet.open(root / "data/images"), Splits.open(root / "data/splits.csv")
    found = read(list(ARMS), images, splits, root / "predictions")
    return images, splits, found["all"] if isinstance(found, dict) else found


def levels(parts) -> list[tuple[str, int]]:
    """Each part's level and number of images."""
    return [(part.level, int(sum(mask.sum() for mask in part.images))) for part in parts]


def test_numbers_go_by_tertiles_of_all_images(root) -> None:
    """The bounds are in the levels' names, and each image is in one part."""
    given = described(root, size_mm=[str(k / 10) for k in range(120)])
    found = levels(subgroups.divide(["size_mm"], *given))
    assert found == [("below 3.97", 40), ("3.97 to 7.93", 40), ("from 7.93", 40)]


def test_bounds_are_told_apart(root) -> None:
    """Years, and numbers that differ late, in as many digits as it takes and no exponents."""
    years = [str(2009 + k % 9) for k in range(120)]
    close = [str(1 + k / 1e6) for k in range(120)]
    given = described(root, year=years, close=close)
    found = [level for level, _ in levels(subgroups.divide(["year", "close"], *given))]
    assert found[:3] == ["below 2011", "2011 to 2014", "from 2014"]
    assert found[3:] == ["below 1.00004", "1.00004 to 1.00008", "from 1.00008"]


def test_few_numbers_and_texts_are_levels(root) -> None:
    """In order of size or of the alphabet; what is not given is a level of its own."""
    grade = ["10", "9", "10"] * 40
    scanner = ["GE"] * 60 + ["" for _ in range(60)]
    given = described(root, grade=grade, scanner=scanner)
    found = subgroups.divide(["grade", "scanner"], *given)
    assert levels(found) == [("9", 40), ("10", 80), ("GE", 60), ("not given", 60)]
    assert [part.column for part in found] == ["grade", "grade", "scanner", "scanner"]


def test_small_levels_are_taken_together(root) -> None:
    """Two scanners of eight and six patients are others; one alone keeps its name."""
    scanner = np.repeat(["GE", "B", "C"], [92, 16, 12])
    assert levels(subgroups.divide(["scanner"], *described(root, scanner=scanner))) == [
        ("GE", 92), ("other", 28),
    ]  # fmt: skip
    scanner = np.repeat(["GE", "B"], [104, 16])
    assert levels(subgroups.divide(["scanner"], *described(root, scanner=scanner))) == [
        ("GE", 104), ("B", 16),
    ]  # fmt: skip


def test_figures_are_those_of_the_part_alone(root) -> None:
    """Arms and difference follow from the part's images; no verdict is given."""
    half = ["left"] * 60 + ["right"] * 60
    images, splits, outcomes = described(root, side=half)
    part = subgroups.divide(["side"], images, splits, outcomes)[0]
    design = Design.of(outcomes, "all", 0.95)
    found = subgroups.figures(
        part, outcomes, [("synthetic", "classical")], METRICS, design, 50,
        rng=numpy_rng(1, "parts"),
    )  # fmt: skip
    assert (found["column"], found["level"]) == ("side", "left")
    assert (found["groups"], found["images"]) == (30, 60)
    by_fold = {arm: [] for arm in ARMS}
    for fold, mask in zip(outcomes.folds, part.images, strict=True):
        for arm, values in by_fold.items():
            right = fold.probabilities[arm][:, mask].argmax(axis=2) == fold.labels[mask]
            each = [right[:, fold.labels[mask] == k].mean(axis=1) for k in (0, 1)]
            values.append(np.mean(each))
    assert found["arms"]["synthetic"]["balanced_accuracy"]["mean"] == pytest.approx(
        np.mean(by_fold["synthetic"])
    )
    (difference,) = found["differences"]
    differences = np.subtract(by_fold["synthetic"], by_fold["classical"])
    expected = corrected_t(differences, design.ratio)
    assert difference["difference"] == pytest.approx(expected.difference)
    assert difference["low"] == pytest.approx(expected.low)
    assert "verdict" not in difference


def test_a_part_of_one_class_has_no_area(root) -> None:
    """What is undefined is not a number and no difference is claimed."""
    images, splits, outcomes = described(root)
    labels = list(images.manifest["label"])
    images, splits, outcomes = described(root, copy=labels)
    part = subgroups.divide(["copy"], images, splits, outcomes)[0]
    found = subgroups.figures(
        part, outcomes, [("synthetic", "classical")], ["auc"],
        Design.of(outcomes, "all", 0.95), 20, rng=numpy_rng(1, "parts"),
    )  # fmt: skip
    assert np.isnan(found["arms"]["classical"]["auc"]["mean"])
    assert found["differences"] == []


@pytest.mark.parametrize("column", ["absent", "label", "same"])
def test_wrong_columns_are_refused(root, column: str) -> None:
    """The message names the parameter."""
    given = described(root, same="x")
    with pytest.raises(ParameterError, match=r"compare\.subgroups"):
        subgroups.divide([column], *given)


def test_rare_positives_are_not_hidden_by_folds_without_any(root) -> None:
    """A part whose positives lie in one fold: its figures are that fold's, its difference too."""
    _, splits, outcomes = described(root, side=["left"] * 120)
    first = outcomes.folds[0]
    ids = [sorted(splits.ids(fold.repeat, fold.fold, "test")) for fold in outcomes.folds]
    masks = tuple(
        np.ones(len(fold.labels), bool) if j == 0 else fold.labels == 0
        for j, fold in enumerate(outcomes.folds)
    )
    assert [len(each) for each in ids] == [len(mask) for mask in masks]
    part = subgroups.Part("side", "left", masks)
    found = subgroups.figures(
        part, outcomes, [("synthetic", "classical")], METRICS,
        Design.of(outcomes, "all", 0.95), 50, rng=numpy_rng(1, "parts"),
    )  # fmt: skip
    right = first.probabilities["synthetic"].argmax(axis=2) == first.labels
    expected = np.mean([right[:, first.labels == k].mean() for k in (0, 1)])
    assert found["arms"]["synthetic"]["balanced_accuracy"]["mean"] == pytest.approx(expected)
    (difference,) = found["differences"]
    assert difference["low"] < difference["difference"] < difference["high"]


def test_intervals_rest_on_the_rarest_class_of_the_part(root) -> None:
    """Three positive patients, all found, are Wilson's three of three and not the whole part's."""
    _, _, outcomes = described(root)
    few = {int(group) for group in np.flatnonzero(outcomes.strata == 1)[:3]}
    masks = tuple((fold.labels == 0) | np.isin(fold.groups, sorted(few)) for fold in outcomes.folds)
    perfect = tuple(
        replace(fold, probabilities={
            arm: np.eye(2)[fold.labels][None].repeat(len(outcomes.seeds), axis=0) for arm in ARMS
        })
        for fold in outcomes.folds
    )  # fmt: skip
    found = subgroups.figures(
        subgroups.Part("side", "left", masks), replace(outcomes, folds=perfect),
        [], ["sensitivity"], Design.of(outcomes, "all", 0.95), 20, rng=numpy_rng(1, "parts"),
    )  # fmt: skip
    low, _ = wilson(3, 3, 0.95)
    assert found["arms"]["classical"]["sensitivity"]["low"] == pytest.approx(low)
