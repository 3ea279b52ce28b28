"""The monitor of copying."""

from __future__ import annotations

import pytest

from pipeline.gan.monitors.copying import Copying


def history(near, limit):
    """A look, and a row after it."""
    return [{"near_training": near, "near_training_limit": limit}, {"step": 2.0}]


def test_tells_how_many_samples_are_near():
    """Beside what is expected."""
    message = Copying()(history(0.8, 0.2))
    assert "80% of the samples" in message
    assert "5% are expected" in message


@pytest.mark.parametrize(
    ("near", "limit"), [(0.05, 0.2), (0.3, 0.2), (0.6, 0.7)], ids=["usual", "common", "few rows"]
)
def test_a_good_generator_comes_near(near, limit):
    """Neither what is usual, nor what is common, nor what chance allows is copying."""
    assert Copying()(history(near, limit)) is None


def test_without_validation_rows_there_is_nothing_to_compare_with():
    """No figure, no alarm."""
    assert Copying()([{"step": 1.0}]) is None
