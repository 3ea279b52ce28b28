"""Attribute columns become text: which of them, at which levels, and how near to each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import ParameterError
from pipeline.gan.diets.captions import UNTOLD, Captions, indicators, sentence, words
from pipeline.imageset import COLUMNS


def manifest(**columns):
    """Rows with the obligatory columns, which never speak, and others."""
    rows = len(next(iter(columns.values())))
    return pd.DataFrame({**{name: ["x", "y"] * (rows // 2) for name in COLUMNS}, **columns})


def learnt(rows, columns=(), rarest=0.2):
    """Captions of training rows."""
    return Captions.of(rows, columns=columns, rarest=rarest, place="here")


def test_a_word_may_hold_a_hyphen_but_no_slash():
    """`Non-Solid/GGO` has two words, in lower case."""
    assert words("Non-Solid/GGO") == ("non-solid", "ggo")
    assert words("Soft Tissue") == ("soft", "tissue")


def test_columns_speak_that_hold_few_words():
    """Neither numbers, nor numbers with gaps, nor names, nor what is the same in every row."""
    rows = manifest(
        margin=["Sharp", "Poor"] * 15,
        diameter_mm=[4.5, 5.5] * 15,
        gaps=["4.5", ""] * 15,
        constant=["Soft Tissue"] * 30,
        names=[f"lesion {number}" for number in range(30)],
    )
    assert list(learnt(rows).told) == ["margin"]


def test_columns_can_be_chosen():
    """A chosen column is the only one, even if it holds many words."""
    names = [f"kind {number // 2}" for number in range(42)]
    rows = manifest(margin=["Sharp", "Poor"] * 21, kind=names)
    assert list(learnt(rows, columns=("kind",), rarest=0.0).told) == ["kind"]


def test_a_rare_level_is_told_as_the_one_most_like_it():
    """One that shares no word with a common level is not told; common ones stay as they are."""
    common = ["No Lobulation"] * 5 + ["Nearly No Lobulation"] * 4 + ["Near Marked Lobulation"] * 4
    rows = manifest(lobulation=[*common, "Marked Lobulation", "Air", ""])
    told = learnt(rows).told["lobulation"]
    assert told["Marked Lobulation"] == "Near Marked Lobulation"
    assert told["Air"] == UNTOLD
    assert all(told[level] == level for level in set(common))


def test_levels_that_training_rows_lack_are_not_told():
    """So validation rows can be read by what was learnt from training rows."""
    captions = learnt(manifest(margin=["Sharp", "Poor"] * 4))
    read = captions.read(manifest(margin=["Poor", "Fuzzy"]))
    assert list(read["margin"]) == ["Poor", UNTOLD]


def test_a_set_that_says_nothing_is_refused():
    """The message says what to do."""
    with pytest.raises(ParameterError, match=r"here: no attribute column .* ingest\.options"):
        learnt(manifest(diameter_mm=[4.5, 5.5]))


def test_an_unknown_column_is_refused_with_the_known_ones():
    """Numbers are named too: whoever chooses them means them."""
    with pytest.raises(ParameterError, match=r"got 'colour'.*: margin, diameter_mm"):
        learnt(manifest(margin=["Sharp", "Poor"], diameter_mm=[1, 2]), columns=("colour",))


def test_the_vocabulary_leaves_out_what_all_levels_say():
    """`spiculation` tells no level of its column from another."""
    rows = manifest(spiculation=["No Spiculation", "Marked Spiculation"] * 4)
    vocabulary = learnt(rows).vocabulary()
    assert vocabulary == (("spiculation", "marked"), ("spiculation", "no"))


def test_words_count_in_their_own_column():
    """A solid texture says nothing about calcification."""
    rows = manifest(calcification=["Solid", "Absent"] * 2, texture=["Solid", "Solid", "Mixed", ""])
    captions = learnt(rows)
    told = indicators(captions.read(rows), captions.vocabulary())
    assert captions.vocabulary() == (
        ("calcification", "absent"),
        ("calcification", "solid"),
        ("texture", "mixed"),
        ("texture", "solid"),
    )
    expected = [[0, 1, 0, 1], [1, 0, 0, 1], [0, 1, 1, 0], [1, 0, np.nan, np.nan]]
    assert np.array_equal(told, np.array(expected, float), equal_nan=True)


def test_levels_that_share_words_are_nearer():
    """`Ovoid` is nearer to `Ovoid/Round` than `Linear` is."""
    rows = manifest(sphericity=["Ovoid", "Ovoid/Round", "Linear", "Round"])
    captions = learnt(rows)
    ovoid, both, linear, round_ = indicators(captions.read(rows), captions.vocabulary())
    assert np.linalg.norm(ovoid - both) < np.linalg.norm(linear - both)
    assert np.linalg.norm(round_ - both) < np.linalg.norm(round_ - ovoid)


def test_a_sentence_names_a_column_unless_its_level_does():
    """What is not told is left out."""
    levels = {"spiculation": "Marked Spiculation", "texture": "Solid", "internal_structure": UNTOLD}
    assert sentence(levels, label="Malign") == "malign, marked spiculation, solid texture"
    assert sentence({"internal_structure": "Air"}, label="b") == "b, air internal structure"
