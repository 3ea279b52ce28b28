"""Batches with right and wrong texts, and offers of texts that occurred."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pipeline.errors import ParameterError
from pipeline.gan.diets.text import Text, TextOptions
from pipeline.imageset import ImageSet, ImageSetWriter, Meta

# Class, margin and texture of eight images; image k has the grey value k.
ROWS = [
    ("a", "Sharp", "Solid"),
    ("a", "Sharp", "Solid"),
    ("a", "Poor", "Mixed"),
    ("a", "Poor", "Solid"),
    ("b", "Sharp", "Solid"),
    ("b", "Poor", "Mixed"),
    ("b", "Poor", "Mixed"),
    ("b", "Poor", ""),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The set of the rows above."""
    root = tmp_path_factory.mktemp("set")
    meta = Meta(("a", "b"), ("CT",), "HU", (0.0, 8.0))
    with ImageSetWriter(root, meta, capacity=8, shape=(1, 8, 8), dtype=np.int16) as writer:
        for number, (label, margin, texture) in enumerate(ROWS):
            writer.add(
                np.full((1, 8, 8), number),
                image_id=f"i{number}",
                label=label,
                patient_id=f"p{number}",
                origin="real",
                attributes={"margin": margin, "texture": texture},
            )
    return ImageSet.open(root)


@pytest.fixture
def diet(images):
    """Both classes' diet, in batches of 64."""
    return Text(images, images.labels, TextOptions(batch=64), "cpu")


def rng(seed=0):
    """A seeded generator."""
    return torch.Generator().manual_seed(seed)


def rows_of(batch):
    """Which images a batch holds, by their grey value."""
    return ((batch.images[:, 0, 0, 0] + 1) * 4).round().int().tolist()


def test_a_text_is_its_images_own(diet):
    """Rows of equal class and levels have equal codes, all others have not."""
    batch = diet.draw(rng())
    codes = {}
    for row, code in zip(rows_of(batch), batch.extra["text"], strict=True):
        codes.setdefault(ROWS[row], set()).add(tuple(code.tolist()))
    assert len(codes) == len(set(ROWS))
    assert all(len(each) == 1 for each in codes.values())
    assert len(set.union(*codes.values())) == len(codes)


def test_a_wrong_text_is_another_images(diet):
    """It occurs among the texts, and is never the image's own."""
    batch = diet.draw(rng())
    known = {tuple(code.tolist()) for code in batch.extra["text"]}
    assert {tuple(code.tolist()) for code in batch.extra["wrong_text"]} <= known
    assert (batch.extra["text"] != batch.extra["wrong_text"]).any(1).all()


def test_the_class_is_told(diet):
    """The same levels of another class are another text."""
    a, b = (
        diet.ask(label, {"margin": "Sharp", "texture": "Solid"}, rng()).given.extra["text"]
        for label in (0, 1)
    )
    assert a.shape == (1, diet.words) == (1, 6)
    assert (a != b).sum() == 2


def test_one_class_is_not_told(images):
    """A model of one class has nothing to tell about it."""
    own = images.take(images.labels == 0)
    assert Text(own, own.labels, TextOptions(), "cpu").words == 4


def test_offers_are_texts_of_the_class(diet):
    """Levels occur together in a row of the class; and in time all such rows are offered."""
    for label, name in enumerate("ab"):
        offers = [diet.offer(label, rng(seed)) for seed in range(60)]
        told = {(name, *each.attributes.values()) for each in offers}
        assert told == {row for row in ROWS if row[0] == name}
        assert all(each.given.labels.tolist() == [label] for each in offers)
        assert not any(each.parents for each in offers)


def test_an_offer_is_coded_as_its_row_is(diet):
    """What the manifest will say is what the family is told."""
    offer = diet.offer(1, rng())
    asked = diet.ask(1, {key: value for key, value in offer.attributes.items() if value}, rng())
    assert torch.equal(offer.given.extra["text"], asked.given.extra["text"])


def test_wanted_levels_are_given(diet):
    """With the rest of a row that has them, or in a row of the class where none has."""
    there = [diet.ask(0, {"margin": "Poor"}, rng(seed)) for seed in range(20)]
    assert {each.attributes["texture"] for each in there} == {"Mixed", "Solid"}
    nowhere = diet.ask(0, {"margin": "Sharp", "texture": "Mixed"}, rng())
    assert nowhere.attributes == {"margin": "Sharp", "texture": "Mixed"}


def test_wanting_what_is_not_told_is_refused(diet):
    """The message lists what there is."""
    with pytest.raises(ParameterError, match=r"here: .*'colour'.*margin, texture"):
        diet.ask(0, {"colour": "Red"}, rng(), place="here")
    with pytest.raises(ParameterError, match=r"here\.margin: .*'Fuzzy'.*Poor, Sharp"):
        diet.ask(0, {"margin": "Fuzzy"}, rng(), place="here")


def test_facts_are_fit_for_json(diet):
    """Levels as they are told, and the vocabulary."""
    facts = json.loads(json.dumps(diet.facts))
    assert facts["told"]["margin"] == {"Poor": "Poor", "Sharp": "Sharp"}
    assert len(facts["vocabulary"]) == 4
