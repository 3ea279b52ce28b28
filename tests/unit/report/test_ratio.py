"""The curve of synthetic shares: figures worked out by hand, and only the headline size's folds."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from pipeline.imageset import ImageSet
from pipeline.report import ratio
from pipeline.splits import Splits
from tests.simulated_run import make_run

ARM = "classical+synthetic"


def shared(frame: pd.DataFrame, share: float, right: float, chosen: int) -> pd.DataFrame:
    """An arm's table for one share: `right` is what it says of each image's own class."""
    table = frame.assign(share=share, chosen=chosen)
    for name in ("cyst", "metastasis"):
        table[f"prob_{name}"] = table["label"].eq(name).map({True: right, False: 1 - right})
    return table


@pytest.fixture
def project(tmp_path):
    """A run of three folds and two seeds with two shares, of which 0.75 was chosen in one fold."""
    make_run(tmp_path, {"real": 1.0, ARM: 1.0})
    path = tmp_path / f"predictions/{ARM}.csv"
    test = pd.read_csv(path)
    both = pd.concat([test, test.assign(part="val")])
    first = both["fold"].eq(0)
    parts = []
    for share, right in ((0.25, 0.8), (0.75, 0.4)):
        picked = first if share == 0.75 else ~first
        parts += [shared(both[picked], share, right, 1), shared(both[~picked], share, right, 0)]
    pd.concat(parts).to_csv(path, index=False)
    return tmp_path


def measured(root, arms=(ARM, "real")):
    """The curve of a project."""
    images, splits = ImageSet.open(root / "data/images"), Splits.open(root / "data/splits.csv")
    return ratio.measure(
        arms, images, splits, root / "predictions", metric="accuracy", confidence=0.95
    )


def test_figures_by_hand(project):
    """Each share is always, or never, right; its loss is that of the probability of the truth."""
    found = measured(project)
    assert list(found) == [ARM]
    low, high = found[ARM]
    assert (low["share"], low["chosen"], low["folds"]) == (0.25, 2, 3)
    assert (high["share"], high["chosen"], high["folds"]) == (0.75, 1, 3)
    for point, loss, right in ((low, -math.log(0.8), 1.0), (high, -math.log(0.4), 0.0)):
        assert point["val_loss"] == pytest.approx({"mean": loss, "low": loss, "high": loss})
        assert point["val"] == point["test"] == {"mean": right, "low": right, "high": right}


def test_test_rows_move_the_test_figure_alone(project):
    """Turning every test answer round leaves validation's figures."""
    before = measured(project)[ARM]
    path = project / f"predictions/{ARM}.csv"
    frame = pd.read_csv(path)
    tested = frame["part"].eq("test")
    names = ["prob_cyst", "prob_metastasis"]
    frame.loc[tested, names] = 1 - frame.loc[tested, names]
    frame.to_csv(path, index=False)
    for old, new in zip(before, measured(project)[ARM], strict=True):
        assert new["test"]["mean"] == 1 - old["test"]["mean"]
        assert {**new, "test": None} == {**old, "test": None}


def test_other_sizes_are_left_out(project):
    """Folds of another number of patients have a curve of their own, which is not this one."""
    before = measured(project)
    for path in (project / "data/splits.csv", project / f"predictions/{ARM}.csv"):
        frame = pd.read_csv(path)
        other = frame.assign(repeat=1)
        if "train_patients" in frame:
            other["train_patients"] = "60"
        else:
            other["prob_cyst"], other["prob_metastasis"] = 0.5, 0.5
        pd.concat([frame, other]).to_csv(path, index=False)
    assert measured(project) == before


def test_it_is_drawn_with_its_numbers(project, tmp_path):
    """A picture, and one row a share and figure beside it; the same bytes again."""
    found = measured(project)
    contents = []
    for name in ("one", "two"):
        path = tmp_path / name / "shares.png"
        ratio.draw(found, "accuracy", 0.95, path)
        contents.append([path.read_bytes(), path.with_suffix(".csv").read_bytes()])
    assert contents[0] == contents[1]
    table = pd.read_csv(tmp_path / "one/shares.csv")
    assert list(zip(table["share"], table["figure"], strict=True)) == [
        (share, figure) for share in (0.25, 0.75) for figure in ("val_loss", "val", "test")
    ]
