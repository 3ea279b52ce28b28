"""Columns that a source added: which may be named as covariates and subgroups."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline import imageset
from pipeline.errors import ParameterError
from pipeline.imageset.added import added_columns, check_columns, numeric_columns

OWN = {name: ["1", "1", "1"] for name in imageset.COLUMNS}
ADDED = {
    "diameter_mm": ["3", "4.5", "1e1"],
    "scanner": ["GE", "", "Siemens"],
    "gaps": ["1", "", "2"],
    "same": ["x", "x", "x"],
}
MANIFEST = pd.DataFrame(OWN | ADDED)


def test_columns_are_told_by_what_they_hold() -> None:
    """The pipeline's own columns are no choice; a number in every filled cell makes one numeric."""
    assert added_columns(MANIFEST) == list(ADDED)
    assert numeric_columns(MANIFEST) == ["diameter_mm", "gaps"]
    check_columns(["diameter_mm"], ["diameter_mm", "scanner", "gaps"], MANIFEST)


@pytest.mark.parametrize(
    ("covariates", "subgroups", "words"),
    [
        (["diametr_mm"], [], "compare.covariates: the column 'diametr_mm' .* is not there; choose"),
        (["scanner"], [], "is not numeric; choose among diameter_mm, gaps"),
        (["seed"], [], "is the pipeline's own"),
        (["gaps"], [], "is empty or infinite for 1 of 3 images"),
        ([], ["scaner"], "compare.subgroups: 'scaner' is no column .*ingest.options.attributes"),
        ([], ["same"], "holds one value only"),
    ],
)
def test_columns_that_do_not_serve_are_named(covariates, subgroups, words: str) -> None:
    """With what there is to choose, and how more come there."""
    with pytest.raises(ParameterError, match=words):
        check_columns(covariates, subgroups, MANIFEST)


def test_no_column_at_all_is_said() -> None:
    """Rather than an empty list of choices."""
    with pytest.raises(ParameterError, match="there is no numeric column"):
        check_columns(["place"], [], pd.DataFrame(OWN))
    with pytest.raises(ParameterError, match="there is none"):
        check_columns([], ["place"], pd.DataFrame(OWN))
