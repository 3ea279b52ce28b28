"""What a set says of itself is understood, or refused with its file and what to do."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import DataError
from pipeline.readers.cards import Card, read_card
from pipeline.readers.listing import entries

NUMBERS = Card(classes=("1", "2", "3"))


def test_names_that_are_numbers_are_names_in_tables():
    """And count the classes in arrays."""
    assert [NUMBERS.named(label) for label in ("1", "2", "3")] == ["1", "2", "3"]
    assert [NUMBERS.at(index) for index in range(3)] == ["1", "2", "3"]
    assert (NUMBERS.at(3), NUMBERS.at(-1)) == ("3", "-1")


def test_numbers_stand_for_names_where_there_are_others():
    """A table may count the classes, too."""
    card = Card(classes=("cyst", "metastasis"))
    assert [card.named(label) for label in ("1", "cyst", "7", "²")] == [
        "metastasis", "cyst", "7", "²",
    ]  # fmt: skip
    assert Card().at(1) == Card().named("1") == "1"


@pytest.mark.parametrize(
    "window", [["low", "high"], [None, 5], [5, 5], [5, 1], [1], "wide", [0, 1e400]]
)
def test_a_window_is_two_rising_numbers(tmp_path, window):
    """Anything else is a mistake in the card, whose name is told."""
    (tmp_path / "card.json").write_text(json.dumps({"window": window}))
    with pytest.raises(DataError, match=r"card\.json.*two numbers"):
        read_card(tmp_path)


@pytest.mark.parametrize("orientation", ["PP", "PX", "P", "pl", "PLSA"])
def test_an_orientation_is_a_side_for_each_axis(tmp_path, orientation):
    """Different axes, in capitals."""
    (tmp_path / "card.json").write_text(json.dumps({"orientation": orientation}))
    with pytest.raises(DataError, match="the side that each axis increases towards"):
        read_card(tmp_path)


def test_a_table_without_rows_lists_no_image(tmp_path):
    """Which is something else than a column that is absent."""
    (tmp_path / "labels.csv").write_text("file,label\n")
    with pytest.raises(DataError, match="lists no image"):
        entries(tmp_path, lambda name: True)
    (tmp_path / "labels.csv").write_text("name,label\na,b\n")
    with pytest.raises(DataError, match="no column for the file; name one of file, image"):
        entries(tmp_path, lambda name: True)


@pytest.mark.parametrize(
    ("cell", "selected"),
    [("1", True), ("0", False), ("", True), ("True", True), ("false", False), ("0.0", False)],
)
def test_what_was_refused_stays_refused(tmp_path, cell, selected):
    """As people and tables write it."""
    (tmp_path / "labels.csv").write_text(f"file,label,selected\na.png,cyst,{cell}\n")
    (entry,) = entries(tmp_path, lambda name: True)
    assert (entry.selected, entry.problem) == (selected, "")


def test_a_cell_that_says_neither_is_a_problem(tmp_path):
    """Of the image alone."""
    (tmp_path / "labels.csv").write_text("file,label,selected\na.png,cyst,perhaps\n")
    (entry,) = entries(tmp_path, lambda name: True)
    assert entry.problem == "its cell `selected` is neither 1 nor 0"
