"""Label tables: CSV files whose columns the user names in `ingest.options`.

Shared by the sources that take one. No message shows a cell or an unasked column name: a table
saved without its heading has a patient in the place of the column names.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipeline.errors import DataError, ParameterError
from pipeline.imageset import COLUMNS

Row = Mapping[str, str]
OPTIONS = "ingest.options"
RESERVED = frozenset({*COLUMNS, "official_part"})


def read_table(
    root: Path, table: str, columns: Mapping[str, str | None], *, attributes: Sequence[str] = ()
) -> pd.DataFrame:
    """Read a label table as text and check that it has the columns that will be used.

    Commas, semicolons and tabs are understood as separators, whichever the heading holds most of.

    Args:
        root: The directory of `ingest.path`.
        table: The table's path relative to it.
        columns: Option name -> column name, or None for an option that is switched off.
        attributes: Columns to copy to the manifest; none may be in `columns` other than the label,
            because files and patients identify.

    Returns:
        The whole table; every cell is stripped text, an absent value is the empty string.

    Raises:
        ParameterError: If the file or a column is missing, or an attribute would identify someone.
        DataError: If the file is not a CSV table in UTF-8, or holds no rows.
    """
    path = root / table
    if Path(table).is_absolute() or ".." in Path(table).parts:
        problem = (
            "leaves ingest.path, so that changes would go unnoticed; put the table there, and name "
            "it relative to that"
        )
        raise ParameterError(f"{OPTIONS}.table", problem)
    if not path.is_file():
        problem = f"got {table!r}: there is no such file under ingest.path; correct the name"
        raise ParameterError(f"{OPTIONS}.table", problem)
    frame = _parse(path, table)
    for option, name in columns.items():
        if name is not None:
            _require(frame, name, f"{OPTIONS}.{option}")
    identifying = {name for option, name in columns.items() if option != "label"}
    for name in attributes:
        place = f"{OPTIONS}.attributes"
        _require(frame, name, place)
        if name in identifying:
            raise ParameterError(
                place,
                f"got {name!r}: it names files or patients and may not be copied; take it out",
            )
        if name in RESERVED:
            raise ParameterError(
                place, f"got {name!r}: every manifest has a column of that name; rename or drop it"
            )
    return frame


def rows_of(frame: pd.DataFrame) -> list[Row]:
    """List a table's rows, in its order."""
    return [
        {str(name): str(cell) for name, cell in row.items()} for row in frame.to_dict("records")
    ]


def rows_by(frame: pd.DataFrame, column: str) -> dict[str, list[Row]]:
    """Group a table's rows by the text in one column."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows_of(frame):
        groups[row[column]].append(row)
    return dict(groups)


def label_of(rows: Iterable[Row], column: str) -> tuple[str | None, str]:
    """Find the one label that rows agree on.

    Returns:
        The label and nothing, or None and the reason why there is none.
    """
    found = {row[column] for row in rows}
    if not found:
        return None, "missing label: the label table has no row for it"
    if len(found) > 1:
        return None, "contradicting labels in the label table"
    label = found.pop()
    return (label, "") if label else (None, "missing label: the cell is empty")


def attributes_of(row: Row, columns: Sequence[str], numeric: Iterable[str]) -> dict[str, object]:
    """Pick a row's attributes; those of `numeric_columns` become numbers where not empty."""
    numbers = set(numeric)
    return {
        name: float(row[name]) if name in numbers and row[name] else row[name] for name in columns
    }


def numeric_columns(frame: pd.DataFrame, columns: Iterable[str]) -> set[str]:
    """Tell which columns hold finite numbers only, empty cells aside, and at least one."""
    chosen = set()
    for name in columns:
        cells = frame.loc[frame[name].ne(""), name]
        numbers = pd.to_numeric(cells, errors="coerce")
        if len(cells) and numbers.between(-1e300, 1e300).all():
            chosen.add(name)
    return chosen


def _parse(path: Path, table: str) -> pd.DataFrame:
    place = f"the table {table} of ingest.path"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            heading = file.readline()
        separator = max(",;\t", key=heading.count)
        frame = pd.read_csv(
            path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    except UnicodeDecodeError:
        raise DataError(place, "is not UTF-8 text; save it as CSV in UTF-8") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error, ValueError):
        problem = "is not a CSV table with one heading and as many cells in every row"
        raise DataError(place, problem) from None
    except OSError:
        raise DataError(place, "cannot be read; check its permissions") from None
    if not isinstance(frame.index, pd.RangeIndex):  # pandas took surplus cells for an index
        raise DataError(place, "has more cells in its rows than names in its heading")
    if not len(frame):
        raise DataError(place, "holds no rows below its heading")
    frame.columns = frame.columns.str.strip()
    stripped: pd.DataFrame = frame.fillna("").apply(lambda cells: cells.str.strip())
    return stripped


def _require(frame: pd.DataFrame, name: str, place: str) -> None:
    if name in frame.columns:
        return
    like = [column for column in frame.columns if column.casefold() == name.strip().casefold()]
    hint = f"did you mean {like[0]!r}?" if like else "its first line must hold the column names"
    raise ParameterError(
        place,
        f"got {name!r}: none of the table's {len(frame.columns)} columns is called so; {hint}",
    )
