"""Texts without their rows: the same whatever the rows' order, and as often as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from pipeline.gan.diets.told import Told

LEVELS = pd.DataFrame({"margin": ["sharp", "poor", "sharp", "sharp"], "size": ["", "1", "", "1"]})
LABELS = np.array([0, 0, 0, 1])
CODES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def test_counts_the_different_texts_of_each_class():
    """Sorted by class and words, with one code each."""
    carried = Told.of(LEVELS, LABELS, CODES)
    assert carried.facts == {
        "columns": ["margin", "size"],
        "levels": [["poor", "1"], ["sharp", ""], ["sharp", "1"]],
    }
    assert carried.tensors["labels"].tolist() == [0, 0, 1]
    assert carried.tensors["counts"].tolist() == [1, 2, 1]
    assert carried.tensors["codes"].tolist() == [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]


def test_the_order_of_the_rows_is_gone():
    """Every order of them is summed up alike."""
    order = [2, 3, 1, 0]
    one, other = (
        Told.of(LEVELS, LABELS, CODES),
        Told.of(LEVELS.iloc[order], LABELS[order], CODES[order]),
    )
    assert one.facts == other.facts
    assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)


def test_offers_a_text_as_often_as_rows_had_it():
    """Two of three rows of class 0 are sharp; class 1 has one text alone."""
    told = Told(Told.of(LEVELS, LABELS, CODES), "cpu")
    rng = torch.Generator().manual_seed(0)
    offers = [told.offer(0, rng) for _ in range(900)]
    sharp = sum(offer.attributes["margin"] == "sharp" for offer in offers)
    # Four standard deviations of a binomial draw of 900 with 2/3 are 57.
    assert abs(sharp - 600) < 57
    for offer in offers[:20]:
        expected = [1.0, 0.0] if offer.attributes["margin"] == "sharp" else [0.0, 1.0]
        assert offer.given.extra["text"].tolist() == [expected]
    alone = told.offer(1, rng)
    assert alone.attributes == {"margin": "sharp", "size": "1"}
    assert alone.given.labels.tolist() == [1]
