"""Confidence is the mean of two voters, against the likeliest other class."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import Selection
from pipeline.selection.criterion import PASS, Ground, Seen
from pipeline.selection.label_confidence import LabelConfidence


def seen(labels, texture):
    """Images that are known by features alone."""
    pixels = np.zeros((len(labels), 1, 4, 4), np.float32)
    features = np.asarray(texture, np.float64)
    return Seen(np.asarray(labels), pixels, {"texture": features, "embedding": features})


def test_of_three_classes_the_likeliest_other_counts():
    """Without a regression: .5 against .3 and .2 is 5/8; .2 against .5 is 2/7."""
    criterion = LabelConfidence(lambda _: np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), None)
    assert criterion(seen([0, 2], [[0.0], [0.0]])) == pytest.approx([5 / 8, 2 / 7])


def test_a_sure_network_does_not_decide_alone():
    """The regression, undecided between the classes, halves the network's conviction."""
    texture = np.array([[-1.0], [1.0], [-1.0], [1.0]])
    certain = Ground(
        seen([0, 1, 0, 1], texture),
        np.arange(4),
        {},
        lambda _: np.array([[1.0, 0.0]]),
        ("a", "b"),
        Selection(),
    )
    criterion = LabelConfidence.fit(certain)
    middle, agreed, opposed = criterion(seen([0, 0, 0], [[0.0], [-50.0], [50.0]]))
    assert middle == pytest.approx(0.75)
    assert agreed > 0.8
    assert opposed < 0.7
    assert criterion(seen([1], [[50.0]]))[0] < PASS


def test_never_refuses_by_itself():
    """A hopeless image scores next to nothing, but zero means a copy."""
    criterion = LabelConfidence(lambda _: np.array([[1.0, 0.0]]), None)
    assert 0 < criterion(seen([1], [[0.0]]))[0] < 0.01


def test_one_class_alone_is_always_right():
    """There is nothing to mistake it for."""
    ground = Ground(
        seen([0, 0], [[0.0], [1.0]]),
        np.arange(2),
        {},
        lambda _: np.ones((2, 1)),
        ("a",),
        Selection(),
    )
    assert LabelConfidence.fit(ground)(seen([0, 0], [[0.0], [1.0]])).tolist() == [1.0, 1.0]
