"""A CSV table beside the scans: which of its columns are files, labels, masks and patients.

Columns are known by usual names; a file column must name files that are there. No cell is shown,
and no heading but a usual one: a table saved without its heading has a patient in its place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.errors import PipelineError
from pipeline.sources import tables
from pipeline.survey.classes import Classes

_NAMES = {
    "file": "file|files|filename|filepath|filedir|image|images|imagepath|imagefile|img|path|scan"
    "|volume|dicom",
    "mask": "mask|masks|maskpath|maskfile|seg|segmentation",
    "label": "label|labels|class|classes|diagnosis|diagnoses|target|dx|category|pathology|finding"
    "|y",
    "patient": "patient|patientid|subject|subjectid|case|caseid|pid|participant|participantid",
    "series": "series|seriesuid|seriesinstanceuid",
}
OTHER = "your-table.csv"
_USUAL = re.compile(
    r"(label|manifest|metadata|meta|data|dataset|index|train|test|annotation|clinical|table|list|"
    r"image|info|class|diagnosi|diagnose|ground|truth|all|the|s|es)+"
)
_ORDER = ("label", "labels", "diagnosis", "class")
_MOST_CLASSES = 100


@dataclass(frozen=True)
class LabelTable:
    """A table that says what scans show.

    Args:
        name: Its path relative to the scans' directory.
        frame: Its cells, as text.
        columns: `file`, `mask`, `label`, `patient`, `series` -> the column's name, where known.
    """

    name: str
    frame: pd.DataFrame
    columns: dict[str, str]

    @property
    def shown(self) -> str:
        """Its name, or another where its own could be a person's."""
        return self.name if _is_ordinary(self.name) else OTHER

    def withheld(self) -> list[str]:
        """What to say if another name is shown."""
        if _is_ordinary(self.name):
            return []
        return [f"the table's name, which is withheld: put it in the place of {OTHER} below"]

    @property
    def classes(self) -> Classes | None:
        """How many rows have each label."""
        if "label" not in self.columns:
            return None
        cells = self.frame[self.columns["label"]]
        return Classes(Counter(cells[cells.ne("")]), "table")

    @property
    def patients(self) -> int | None:
        """How many patients the table tells apart."""
        if "patient" not in self.columns:
            return None
        cells = self.frame[self.columns["patient"]]
        return int(cells[cells.ne("")].nunique())


def find(root: Path, names: Collection[str], files: Collection[str]) -> LabelTable | None:
    """Find the table that tells most, directly in a directory.

    Args:
        root: The scans' directory.
        names: Tables in it, relative to it; those in folders are passed over.
        files: The scans, relative to it.
    """
    found = [
        table
        for name in names
        if "/" not in name and (table := _read(root, name, files)) is not None
    ]
    return max(found, key=lambda table: len(table.columns), default=None)


def _read(root: Path, name: str, files: Collection[str]) -> LabelTable | None:
    try:
        frame = tables.read_table(root, name, {})
    except PipelineError:
        return None
    columns = {}
    for role, pattern in _NAMES.items():
        usual = [
            str(column)
            for column in frame.columns
            if re.fullmatch(pattern, re.sub(r"[\W_]", "", str(column).lower()))
            # A heading that is also a cell is no heading.
            and not frame[column].eq(str(column)).any()
        ]
        usual.sort(key=lambda each: _ORDER.index(each) if each in _ORDER else len(_ORDER))
        if role == "label":
            usual = [each for each in usual if 2 <= frame[each].nunique() <= _MOST_CLASSES]
        if role == "file":
            usual = [each for each in usual if frame[each].isin(set(files)).mean() >= 0.5]
        if usual:
            columns[role] = usual[0]
    known = {"label"} & set(columns) or {"file"} & set(columns)
    return LabelTable(name, frame, columns) if known else None


def _is_ordinary(name: str) -> bool:
    parts = re.findall(r"[^\W\d_]+|\d+", Path(name).stem.lower())
    return all(_USUAL.fullmatch(part) or (part.isdigit() and len(part) <= 2) for part in parts)
