"""Lines of the chart: choices and intervals worked out by hand."""

import math

import pandas as pd
import pytest

from pipeline.report import augmentation
from pipeline.report.augmentation import FoldPoint, draw, line, lowest


def at(copies, losses, values, images=0):
    """A point of folds with one seed each, unless values are tuples."""
    each = [value if isinstance(value, tuple) else (value,) for value in values]
    return [
        FoldPoint(0, fold, copies, images, loss, value)
        for fold, (loss, value) in enumerate(zip(losses, each, strict=True))
    ]


POINTS = {
    0: at(0, (0.9, 0.5), ((0.9, 0.7), 0.6)),
    10: at(10, (0.7, 0.5), (0.5, 0.4)),
    20: at(18, (0.8, 0.6), (1.0, 1.0)),
}


def test_the_lowest_loss_is_chosen_in_each_fold_whatever_the_test_figures():
    """Fold 0 prefers 10; fold 1 has equals and takes the first; 20, best on test, is nobody's."""
    assert lowest(POINTS) == {(0, 0): 10, (0, 1): 0}


def test_figures_by_hand():
    """Seeds are averaged within a fold: .8 and .6 have mean .7 and half width .1 t(1)."""
    found = line("classical", "", POINTS, 0.95)["points"]
    half = 0.1 * math.tan(0.475 * math.pi)
    first = found[0]
    assert (first["mean"], first["low"], first["high"]) == pytest.approx(
        (0.7, 0.7 - half, 0.7 + half)
    )
    assert [point["added"] for point in found] == [0, 10, 18]
    assert [point["chosen"] for point in found] == [1, 1, 0]
    assert [fold["chosen"] for fold in found[1]["folds"]] == [True, False]
    assert first["folds"][0]["values"] == [0.9, 0.7]


def test_one_fold_has_no_interval():
    """A mean, and no band."""
    (point,) = line("classical", "", {0: at(0, (0.9,), (0.6,))}, 0.95)["points"]
    assert point["mean"] == 0.6
    assert math.isnan(point["low"])


ONWARD = {0: POINTS[10], 5: at(10, (0.6, 0.4), (0.7, 0.8), images=5)}
SINGLE = {0: at(0, (0.9,), (0.6,)), 10: at(10, (0.7,), (0.5,))}


@pytest.mark.parametrize(
    ("lines", "added"),
    [
        ([("a", "", POINTS), ("b", "dcgan", ONWARD)], [0, 10, 18, 10, 15]),
        ([("a", "", SINGLE)], [0, 10]),
    ],
    ids=["two lines", "no band"],
)
def test_it_is_drawn_with_its_numbers(tmp_path, lines, added):
    """A picture, and one row a point beside it."""
    described = [line(*each, 0.95) for each in lines]
    path = tmp_path / "plots/augmentation.png"
    draw({"primary": "auc", "confidence": 0.95, "lines": described}, path)
    assert path.stat().st_size > 5000
    table = pd.read_csv(path.with_suffix(".csv"))
    assert tuple(table) == augmentation.COLUMNS
    assert table["added"].tolist() == added
