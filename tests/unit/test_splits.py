"""The reader of splits.csv refuses what would leak."""

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataError, LeakError
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.splits import COLUMNS, Splits, fold_name, parse_fold, size_name

ROWS = [
    ("a", "g1", 0, 0, "train", "all"),
    ("b", "g1", 0, 0, "train", "all"),
    ("c", "g2", 0, 0, "val", "all"),
    ("d", "g3", 0, 0, "test", "all"),
    ("e", "g3", 0, 0, "excluded", "all"),
    ("a", "g1", 0, 1, "test", "all"),
    ("b", "g1", 0, 1, "test", "all"),
    ("c", "g2", 0, 1, "train", "all"),
    ("d", "g3", 0, 1, "val", "all"),
    ("e", "g3", 0, 1, "excluded", "all"),
]


def written(tmp_path, rows=ROWS, columns=COLUMNS):
    """A splits.csv with these rows."""
    path = tmp_path / "splits.csv"
    pd.DataFrame(rows, columns=list(columns)).to_csv(path, index=False)
    return path


def image_set(root, rows):
    """A set of blank images, from (image_id, origin, parent_ids)."""
    meta = Meta(("x", "y"), ("grey",), "grey level", (0, 255))
    with ImageSetWriter(root, meta, capacity=9, shape=(1, 2, 2), dtype=np.uint8) as writer:
        for image_id, origin, parents in rows:
            writer.add(
                np.zeros((1, 2, 2)),
                image_id=image_id,
                label="x",
                patient_id="p",
                origin=origin,
                parent_ids=parents,
            )
    return ImageSet.open(root)


class TestOpen:
    """Reading checks."""

    def test_folds_and_parts(self, tmp_path):
        """Folds come in order and each part has its ids."""
        splits = Splits.open(written(tmp_path))
        assert splits.folds() == [(0, 0), (0, 1)]
        assert splits.ids(0, 0, "train") == {"a", "b"}
        assert splits.ids(0, 1, "train") == {"c"}
        assert splits.ids(0, 0, "excluded") == {"e"}

    def test_sizes_come_in_the_order_of_their_repeats(self, tmp_path):
        """The size of repeat 0 is the headline one, wherever its rows lie in the file."""
        rows = [(*row[:2], repeat, *row[3:5], size) for row in ROWS
                for repeat, size in ((2, "60"), (3, "60"), (0, "0.25"), (1, "0.25"))]  # fmt: skip
        splits = Splits.open(written(tmp_path, rows))
        assert splits.sizes() == ("0.25", "60")
        assert splits.folds("60") == [(2, 0), (2, 1), (3, 0), (3, 1)]
        assert len(splits.folds()) == 8

    def test_a_group_across_parts_is_a_leak(self, tmp_path):
        """A patient moved by hand from test into train of the same fold is caught."""
        rows = [*ROWS, ("f", "g3", 0, 0, "train", "all")]
        with pytest.raises(LeakError, match="group g3 spans several parts of repeat 0, fold 0"):
            Splits.open(written(tmp_path, rows))

    def test_a_group_may_be_partly_excluded(self, tmp_path):
        """An excluded image is in no part, so that its group does not span."""
        Splits.open(written(tmp_path)).check_groups()

    def test_a_missing_file_says_what_to_run(self, tmp_path):
        """Without splits.csv the message names the stage that makes it."""
        with pytest.raises(DataError, match="run the stage split"):
            Splits.open(tmp_path / "splits.csv")

    def test_other_columns_and_parts_are_refused(self, tmp_path):
        """A file of another layout, or with an unknown part, is an error that says so."""
        with pytest.raises(DataError, match="has the columns"):
            Splits.open(written(tmp_path, columns=("id", *COLUMNS[1:])))
        with pytest.raises(DataError, match="has the part 'tset'"):
            Splits.open(written(tmp_path, [("a", "g1", 0, 0, "tset", "all")]))


class TestTraining:
    """Only train rows train."""

    def test_select_takes_the_rows_of_one_part(self, tmp_path):
        """Selecting views the set's rows of that part, in the set's order."""
        images = image_set(tmp_path / "set", [(name, "real", ()) for name in "edcba"])
        chosen = Splits.open(written(tmp_path)).select(images, 0, 0, "train")
        assert chosen.manifest["image_id"].tolist() == ["b", "a"]

    @pytest.mark.parametrize(
        "row",
        [
            ("d", "real", ()),
            ("c", "real", ()),
            ("e", "real", ()),
            ("d-c1", "classical", ("d",)),
            ("s", "cyclegan", ("a", "c")),
        ],
        ids=["test", "val", "excluded", "copy-of-test", "one-parent-in-val"],
    )
    def test_what_is_not_a_train_row_is_refused(self, tmp_path, row):
        """Neither a test image, nor a copy of one, nor a translation of one may train."""
        images = image_set(tmp_path / "set", [("a", "real", ()), row])
        with pytest.raises(LeakError, match=f"{row[0]} "):
            Splits.open(written(tmp_path)).check_training(images, 0, 0)

    def test_train_rows_and_what_is_made_of_them_are_allowed(self, tmp_path):
        """Real train rows, their copies and samples without parents pass."""
        rows = [("a", "real", ()), ("b-c0", "classical", ("b",)), ("s", "dcgan", ())]
        Splits.open(written(tmp_path)).check_training(image_set(tmp_path / "set", rows), 0, 0)


def test_size_names():
    """A count, a share, and everything under either of its names."""
    assert [size_name(size) for size in (25, 2000000, 0.25, 1.0, None)] == (
        ["25", "2000000", "0.25", "all", "all"]
    )


def test_fold_names():
    """A fold's directory is named by its numbers."""
    assert fold_name(0, 1) == "r0f1"
    assert fold_name(2, 1, 3) == "r2f1g3"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("r0f1", (0, 1, None)),
        ("r12f3g4", (12, 3, 4)),
        ("r0", None),
        ("r0f1g", None),
        ("xr0f1", None),
    ],
)
def test_a_folds_name_is_read_as_it_is_written(name, parts):
    """Back and forth, and nothing else passes for one."""
    assert parse_fold(name) == parts
    if parts is not None:
        assert fold_name(*parts) == name
