"""The data card counts what is there and says what was left out."""

from __future__ import annotations

import pytest

from pipeline.report.card import data_card, span
from tests.simulated_run import add_generators, make_run


def test_counts(tmp_path):
    """Images and patients by class, parts of a fold, duplicates and reasons of quarantine."""
    make_run(tmp_path, {}, patients=30, images_per_patient=2)
    add_generators(tmp_path, ("conditional",))
    card = data_card(tmp_path)
    assert card["facts"]["Images"] == 60
    assert card["facts"]["Patients"] == 30
    assert card["classes"][0] == {"label": "cyst", "images": 30, "patients": 15}
    parts = {row["part"]: (row["images"], row["groups"]) for row in card["parts"]}
    assert parts == {"train": ("40", "20"), "test": ("20", "10")}
    assert card["duplicates"] == {"exact": 1, "near": 1, "contradicting": 1}
    assert card["quarantine"] == [
        {"reason": "is constant", "count": 2},
        {"reason": "ends early", "count": 1},
    ]


def test_what_is_not_recorded_is_not_claimed(tmp_path):
    """No file of duplicates is not the same as no duplicates."""
    assert data_card(tmp_path) is None
    make_run(tmp_path, {})
    card = data_card(tmp_path)
    assert card["duplicates"] is None
    assert card["quarantine"] is None


@pytest.mark.parametrize(
    ("values", "text"), [([3, 3], "3"), ([5, 3], "3 to 5"), ([None], "–"), ([], "–")]
)
def test_span(values, text):
    """A range is shown only where there is one."""
    assert span(values) == text
