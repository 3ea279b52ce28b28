"""Precision and recall fall for the failure that each is about."""

import numpy as np

from pipeline.fidelity.precision_recall import precision_recall


def test_two_points_on_a_line_by_hand() -> None:
    """With one neighbour the manifolds on a line can be read off by eye."""
    real = np.array([[0.0], [1.0], [10.0], [11.0]])
    fake = np.array([[0.5], [0.6], [30.0], [30.1]])
    # Radii are 1 for every real point and 0.1 for every fake one: 0.5 and 0.6 lie on the real
    # manifold, no real point lies within 0.1 of a fake one.
    assert precision_recall(real, fake, neighbours=1) == {"precision": 0.5, "recall": 0.0}


def test_collapse_lowers_recall_and_not_precision() -> None:
    """A generator that repeats one mode looks real and covers little."""
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(size=(100, 4)), rng.normal(size=(100, 4)) + 20.0])
    collapsed = rng.normal(size=(200, 4)) * 0.5
    figures = precision_recall(real, collapsed, neighbours=5)
    assert figures["precision"] > 0.9
    assert figures["recall"] < 0.55


def test_noise_lowers_precision() -> None:
    """Images far from all real ones are not on their manifold."""
    rng = np.random.default_rng(0)
    real, noise = rng.normal(size=(100, 4)), rng.normal(size=(100, 4)) * 30.0
    assert precision_recall(real, noise, neighbours=5)["precision"] < 0.1
