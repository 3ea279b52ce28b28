"""The realism score on points whose neighbourhoods are known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import Selection
from pipeline.selection.criterion import Ground, Seen
from pipeline.selection.realism import Realism, realism


def test_realism_is_radius_over_distance_to_the_kindest_row():
    """Radii 1 and 3 about 0 and 10; at 2: max(1/2, 3/8); at 7: max(1/7, 3/3)."""
    found = realism(np.array([[2.0], [7.0]]), np.array([[0.0], [10.0]]), np.array([1.0, 3.0]))
    assert found == pytest.approx([0.5, 1.0])


def seen(labels, features):
    """Images that are known by features alone."""
    return Seen(np.asarray(labels), np.zeros((len(labels), 1, 4, 4), np.float32), features)


def test_scores_are_on_the_scale_of_rows_left_out():
    """Eleven rows on a line, one apart, each a patient; k = 1, so that every radius is 1.

    A row that is left out lies 1 from the next, realism 1: that is the pass mark, one half. At
    distance 1/2 realism is 2 and the score 1; at distance 4 it is 1/4 and the score 1/8.
    """
    line = np.arange(11.0)[:, None]
    training = seen([0] * 11, {"texture": line})
    ground = Ground(training, np.arange(11), {}, lambda _: line, ("a",), Selection(neighbours=1))
    criterion = Realism.fit(ground)
    scores = criterion(seen([0, 0, 0, 0], {"texture": np.array([[-1.0], [-0.5], [-4.0], [3.0]])}))
    assert scores == pytest.approx([0.5, 1.0, 0.125, 1.0])


def test_the_worst_space_decides_and_other_classes_do_not_count():
    """Near in one space and far in another is far; so is near to rows of another class."""
    line = np.arange(22.0)[:, None]
    labels = [0] * 11 + [1] * 11
    ground = Ground(
        seen(labels, {"one": line, "two": line}),
        np.arange(22),
        {},
        lambda _: line,
        ("a", "b"),
        Selection(neighbours=1),
    )
    criterion = Realism.fit(ground)
    features = {"one": np.array([[5.5], [5.5]]), "two": np.array([[5.5], [14.0]])}
    assert criterion(seen([0, 0], features)) == pytest.approx([1.0, 0.125])
    assert criterion(seen([1, 1], features))[0] == pytest.approx(0.5 / 5.5)


def test_a_class_without_training_rows_passes_nothing():
    """What nobody knows is not called real."""
    line = np.arange(5.0)[:, None]
    ground = Ground(
        seen([0] * 5, {"one": line}),
        np.arange(5),
        {},
        lambda _: line,
        ("a", "b"),
        Selection(neighbours=1),
    )
    assert Realism.fit(ground)(seen([1], {"one": np.array([[2.0]])}))[0] < 0.5
