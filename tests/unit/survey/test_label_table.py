"""The table beside scans: its columns are known by usual names, and only then."""

from __future__ import annotations

import pytest

from pipeline.survey import label_table

FILES = ("a.png", "b.png", "c.png", "d.png")


@pytest.fixture
def found(tmp_path):
    """Looks for a table among one with the given lines."""

    def find(*lines, name="labels.csv"):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return label_table.find(tmp_path, [name], FILES)

    return find


def test_columns_are_known_by_their_names(found):
    """Whatever their case and signs; classes and patients are counted."""
    lines = (f"{file},x,{index % 2},p{index // 2}" for index, file in enumerate(FILES))
    table = found("Image Path,age,Diagnosis,Patient-ID", *lines)
    assert table.columns == {"file": "Image Path", "label": "Diagnosis", "patient": "Patient-ID"}
    assert table.classes.counts == {"0": 2, "1": 2}
    assert table.patients == 2


def test_a_file_column_must_name_files_that_are_there(found):
    """A column of that name with something else in it is none."""
    table = found("file,label", "x.png,a", "y.png,b")
    assert table.columns == {"label": "label"}


def test_a_table_without_its_heading_has_no_columns(found):
    """Its first line would name a patient, and its labels stand in the column's cells."""
    assert found("a.png,benign,DOE", "b.png,malignant,ROE", "c.png,benign,POE") is None
    assert found("label,DOE", "label,ROE", "other,POE") is None


def test_one_label_or_a_label_each_is_no_class(found):
    """A column of one value tells nothing, one of hundreds is an identifier."""
    assert found("file,label", *(f"{file},same" for file in FILES)).classes is None
    many = (f"{number}.png,{number}" for number in range(150))
    assert found("file,label", *many) is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [("labels.csv", "labels.csv"), ("train_labels_2.csv", "train_labels_2.csv")]
    + [(name, label_table.OTHER) for name in ("DOE_JANE.csv", "labels_doe.csv", "19510203.csv")],
)
def test_its_own_name_is_shown_where_it_is_ordinary(name, shown, found):
    """A table may be called after a patient; then it is said what to put in."""
    table = found("file,label", *(f"{file},{file < 'c'}" for file in FILES), name=name)
    assert table.shown == shown
    assert bool(table.withheld()) == (shown == label_table.OTHER)
    assert name not in " ".join(table.withheld())


def test_what_cannot_be_read_is_passed_over(tmp_path):
    """An empty file and bytes that are no text."""
    (tmp_path / "a.csv").write_bytes(b"")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00label\n\x80")
    assert label_table.find(tmp_path, ["a.csv", "b.csv", "deep/c.csv"], FILES) is None
