"""Sizes of the training part, in order, whether one or several were compared."""

from __future__ import annotations

from pipeline.report import sizes

RESULT = {"train_patients": "60", "contrasts": [], "confidence": 0.95, "arms": {"a": 1}}


def test_sizes_are_sorted_as_numbers_and_all_is_last():
    """JSON sorts its keys as text, a reader does not; the headline size is marked."""
    found = {name: {"contrasts": [], "arms": {name: 1}} for name in ("all", "150", "60", "0.5")}
    parts = sizes.parts(RESULT | {"sizes": found})
    assert [part.name for part in parts] == ["60", "150", "0.5", "all"]
    assert [part.deciding for part in parts] == [True, False, False, False]
    assert parts[1].content["arms"] == {"150": 1}
    assert parts[1].content["confidence"] == 0.95


def test_one_size_is_the_whole():
    """A comparison without sizes is one part, of all patients unless it says otherwise."""
    (part,) = sizes.parts(RESULT)
    assert (part.name, part.deciding, part.content["arms"]) == ("60", True, {"a": 1})
    assert sizes.headline_size({}) == "all"


def test_a_contrast_without_a_family_was_announced():
    """Only what says that it is exploratory is."""
    rows = [{"arm": "a"}, {"arm": "b", "family": "exploratory"}]
    assert sizes.of_family(rows, sizes.HEADLINE) == rows[:1]
    assert sizes.of_family(rows, sizes.EXPLORATORY) == rows[1:]


def test_smallest_gain():
    """Known or not."""
    assert sizes.smallest_gain({"power": {"smallest": 0.06}}) == 0.06
    assert sizes.smallest_gain({}) is None
