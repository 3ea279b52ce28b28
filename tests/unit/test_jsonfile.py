"""Figures are written alike on machines that differ in the last bits, and read back as returned."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline import jsonfile
from pipeline.errors import DataError


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (1.23456789, 1.23457),
        (np.float64(1234567.0), 1234570.0),
        (1234567, 1234567),
        (float("nan"), None),
        (float("-inf"), None),
        (("a", 0.1 + 0.2), ["a", 0.3]),
        ({"deep": {"er": [1 / 3]}}, {"deep": {"er": [0.333333]}}),
        (None, None),
        (True, True),
    ],
)
def test_six_digits_of_floats_and_nothing_else(value, kept):
    """Counts stay whole, words stay words, and what is not finite is null."""
    found = jsonfile.rounded(value)
    assert found == kept
    assert type(found) is not int or type(kept) is int


def test_what_is_returned_is_what_is_read_back(tmp_path):
    """Whoever draws the document shows the same figures as whoever reads the file."""
    path = tmp_path / "deep" / "figures.json"
    written = jsonfile.write(path, {"b": (2 / 3,), "a": "Größe"})
    assert (
        written == json.loads(path.read_text(encoding="utf-8")) == {"a": "Größe", "b": [0.666667]}
    )
    assert path.read_text(encoding="utf-8").index("Größe") < path.read_text().index("0.666667")


@pytest.mark.parametrize(("text", "said"), [("{", "not readable as JSON"), ("[1]", "no table")])
def test_a_broken_file_is_named_with_what_to_do(tmp_path, text, said):
    """A half-written file of figures ends in a sentence."""
    (tmp_path / "figures.json").write_text(text)
    with pytest.raises(DataError, match=rf"figures\.json: .*{said}.*run its stage again"):
        jsonfile.read(tmp_path / "figures.json")
