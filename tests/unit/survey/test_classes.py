"""Class names are shown where they are nobody's."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.survey.classes import Classes, are_words


@pytest.mark.parametrize(
    "names",
    [("benign", "Malignant"), ("0", "1", "12"), ("grade_3", "Stage-IV"), ("normal or benign",)],
)
def test_words_of_medicine_and_small_numbers_are_shown(names):
    """In any case and with any sign between them."""
    assert are_words(names)


@pytest.mark.parametrize("name", ["Doe Jane", "DOE^JANE", "nemec", "12345", "benign_doe", "", "^"])
def test_whatever_may_be_somebody_is_not(name):
    """One name is enough to withhold all."""
    assert not are_words(["benign", name])
    classes = Classes(Counter({"benign": 3, name: 2}), "folders")
    assert name == "" or name not in classes.shown().replace("withheld", "")
    assert "class 2" in classes.shown() and classes.positive() is None
    assert f"{name} 2" in classes.shown(all_names=True)


@pytest.mark.parametrize(
    ("names", "positive"),
    [
        (("benign", "malignant"), "malignant"),
        (("Benign", "Malign"), "Malign"),
        (("covid", "normal"), None),
        (("cancer", "carcinoma"), None),
        (("benign", "malignant", "normal"), None),
    ],
)
def test_the_positive_class_is_told_where_one_of_two_sounds_like_it(names, positive):
    """Else the user must say."""
    assert Classes(Counter(dict.fromkeys(names, 1)), "table").positive() == positive


def test_many_classes_are_counted_and_some_are_listed():
    """Thirty of forty."""
    shown = Classes(Counter({f"{number}": 1 for number in range(40)}), "table").shown()
    assert shown.startswith("40 by table") and shown.count(",") == 30 and shown.endswith(", ...")
