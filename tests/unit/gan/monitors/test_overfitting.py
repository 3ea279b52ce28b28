"""The monitor of discriminators that learn by heart."""

from __future__ import annotations

from pipeline.gan.monitors.overfitting import Overfitting


def history(*looks):
    """Looks, and a row without between them."""
    return [row for known in looks for row in ({"step": 1.0}, {"d_memory": known})]


def test_tells_how_well_training_images_are_known():
    """At two looks on end."""
    assert "in 98% of cases" in Overfitting()(history(0.6, 0.95, 0.98))
    assert Overfitting()(history(0.6, 0.98)) is None
    assert Overfitting()(history(0.98, 0.6)) is None


def test_a_little_is_usual():
    """Chance with few validation rows, and some learning by heart, are no failure."""
    assert Overfitting()(history(0.75, 0.8)) is None


def test_a_family_that_cannot_be_asked_is_none():
    """It has no such figure."""
    assert Overfitting()([{"step": 1.0, "loss_x": 0.5}] * 10) is None
