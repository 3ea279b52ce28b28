"""The monitor of exploding gradients."""

from __future__ import annotations

import pytest

from pipeline.gan.monitors.exploding import Exploding


def history(*last, rows=20, name="gradient_generator", usual=2.0):
    """A steady figure, then the last ones."""
    return [{"step": i, name: value} for i, value in enumerate([usual] * rows + [*last])]


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("gradient_generator", "the generator's gradient"),
        ("gradient_inverse_discriminator", "the inverse_discriminator's gradient"),
        ("loss_critic", "the critic's loss"),
    ],
)
def test_names_what_explodes(name, named):
    """A figure 500 times its usual size for two rows is told, with its name and the factor."""
    message = Exploding()(history(900.0, 1000.0, name=name))
    assert named in message
    assert "500 times" in message


def test_losses_explode_downwards_too():
    """A critic without a bound falls without end."""
    assert "500 times" in Exploding()(history(-1000.0, -1000.0, name="loss_x", usual=-2.0))


def test_lets_gradients_vary():
    """Ten times the usual is no explosion, nor is one steep row, nor anything in the first rows."""
    assert Exploding()(history(20.0, 20.0)) is None
    assert Exploding()(history(1000.0)) is None
    assert Exploding()(history(1000.0, 2.0)) is None
    assert Exploding()(history(1000.0, 1000.0, rows=5)) is None


def test_what_is_absurd_needs_no_comparison():
    """A learning rate of ten is at such figures from the first row on."""
    assert "gradient has grown to 5e+06" in Exploding()(history(5e6, rows=0))
    assert "loss has grown to 2e+08" in Exploding()(history(-2e8, rows=0, name="loss_x"))
    assert Exploding()(history(5e5, rows=0)) is None


def test_what_was_tiny_may_grow():
    """A gradient that comes back from nothing is a recovery."""
    assert Exploding()(history(5.0, 5.0, usual=1e-7)) is None


def test_networks_may_join_late():
    """A second stage's first rows have nothing to be compared with."""
    rows = history(2.0, 2.0)
    rows[-1] = rows[-1] | {"gradient_second": 1000.0}
    assert Exploding()(rows) is None


@pytest.mark.parametrize(
    ("shares", "expected"),
    [([0.6] * 9 + [1.0], True), ([1.0] * 9, False), ([1.0] * 9 + [0.2], False)],
)
def test_tells_of_steps_that_cannot_be_taken(shares, expected):
    """More than half of them in ten rows, even where a row has no other figure."""
    rows = [*history(), *({"step": 30 + i, "skipped": share} for i, share in enumerate(shares))]
    message = Exploding()(rows)
    assert (message is not None) == expected
    if expected:
        assert "100% of the optimiser steps" in message
