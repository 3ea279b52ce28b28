"""Label tables are read as text, and complaints show nobody's data."""

from pathlib import Path

import pytest

from pipeline.errors import DataError, ParameterError, PipelineError
from pipeline.sources.tables import (
    attributes_of,
    label_of,
    numeric_columns,
    read_table,
    rows_by,
)

COLUMNS = {"image": "file", "label": "label", "patient": "patient"}


def write(root: Path, text: str | bytes) -> Path:
    """Write a table and give the directory it is in."""
    (root / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_cells_stay_text_whatever_the_separator(tmp_path: Path, separator: str) -> None:
    """Leading zeros of identifiers survive, cells are stripped, `NA` is no missing value."""
    text = "file,label,patient\na.nii , NA,007\n".replace(",", separator)
    frame = read_table(write(tmp_path, text), "t.csv", COLUMNS)
    assert frame.to_dict("records") == [{"file": "a.nii", "label": "NA", "patient": "007"}]


def test_byte_order_mark_of_spreadsheets_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    """A table that a spreadsheet saved as `CSV UTF-8` has the columns that it shows."""
    text = b"\xef\xbb\xbffile,label,patient\na,b,c\n"
    assert list(read_table(write(tmp_path, text), "t.csv", COLUMNS)) == ["file", "label", "patient"]


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (None, ParameterError, "ingest.options.table: got 't.csv': there is no such file"),
        ("file,Label,patient\na,b,SECRET\n", ParameterError, "did you mean 'Label'?"),
        ("SECRET,b,c\nSECRET2,d,e\n", ParameterError, "options.image: got 'file'"),
        ("", DataError, "is not a CSV table"),
        ("file,label,patient\n", DataError, "holds no rows"),
        ("file,label,patient\na,b,c\na,b,SECRET,d,e\n", DataError, "is not a CSV table"),
        ("file,label,patient\na,b,c,SECRET\n", DataError, "more cells in its rows"),
        (b"\xff\xfe\x00S\x00E", DataError, "is not UTF-8"),
        ("file,label,patient\nSECRET,\x00\xe9".encode("latin-1"), DataError, "is not UTF-8"),
    ],
)
def test_unusable_tables_are_one_sentence_without_cells(
    tmp_path: Path, text: str | bytes | None, error: type[PipelineError], says: str
) -> None:
    """Each fault is named with its place, and neither a cell nor an unasked heading shows."""
    if text is not None:
        write(tmp_path, text)
    with pytest.raises(error) as caught:
        read_table(tmp_path, "t.csv", COLUMNS)
    assert says in str(caught.value)
    assert "SECRET" not in str(caught.value) and str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("place", ["absolute", "above"])
def test_tables_outside_are_refused(tmp_path: Path, place: str) -> None:
    """DVC watches ingest.path alone: labels changed elsewhere would rerun nothing."""
    inner = tmp_path / "scans"
    inner.mkdir()
    write(tmp_path, "file,label,patient\na,b,c\n")
    table = str(tmp_path / "t.csv") if place == "absolute" else "../t.csv"
    with pytest.raises(ParameterError, match=r"options\.table: leaves ingest\.path") as caught:
        read_table(inner, table, COLUMNS)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("patient", "may not be copied"),
        ("file", "may not be copied"),
        ("seed", "every manifest has a column"),
        ("absent", "none of the table's 4 columns"),
    ],
)
def test_attributes_that_identify_or_collide_are_refused(
    tmp_path: Path, name: str, says: str
) -> None:
    """Patients, files and the manifest's own columns cannot be copied as attributes."""
    write(tmp_path, "file,label,patient,seed\na,b,c,1\n")
    with pytest.raises(ParameterError, match=says):
        read_table(tmp_path, "t.csv", COLUMNS, attributes=[name])


def test_switched_off_columns_are_not_asked_for(tmp_path: Path) -> None:
    """A column given as None may be absent."""
    write(tmp_path, "file,label\na,b\n")
    assert len(read_table(tmp_path, "t.csv", {**COLUMNS, "patient": None})) == 1


def test_labels_must_exist_and_agree(tmp_path: Path) -> None:
    """Rows that repeat a label are fine; contradiction, emptiness and absence have reasons."""
    write(tmp_path, "file,label,patient\na,x,1\na,x,2\nb,x,1\nb,y,1\nc,,1\n")
    groups = rows_by(read_table(tmp_path, "t.csv", COLUMNS), "file")
    assert label_of(groups["a"], "label") == ("x", "")
    assert label_of(groups["b"], "label") == (None, "contradicting labels in the label table")
    assert label_of(groups["c"], "label") == (None, "missing label: the cell is empty")
    assert label_of([], "label")[0] is None


def test_attributes_are_numbers_only_where_the_whole_column_is(tmp_path: Path) -> None:
    """A column with one word stays words; an empty cell spoils nothing."""
    write(tmp_path, "file,label,patient,mm,grade,none\na,x,1,2.5,3,\nb,x,1,,high,\n")
    frame = read_table(tmp_path, "t.csv", COLUMNS, attributes=["mm", "grade", "none"])
    numeric = numeric_columns(frame, ["mm", "grade", "none"])
    assert numeric == {"mm"}
    first, second = rows_by(frame, "patient")["1"]
    assert attributes_of(first, ["mm", "grade"], numeric) == {"mm": 2.5, "grade": "3"}
    assert attributes_of(second, ["mm", "grade"], numeric) == {"mm": "", "grade": "high"}
