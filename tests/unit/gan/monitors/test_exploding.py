"""The monitor of exploding gradients."""

from __future__ import annotations

from pipeline.gan.monitors.exploding import Exploding


def history(last, rows=20):
    """A steady gradient of 2, then `last`."""
    return [{"step": i, "gradient_generator": 2.0} for i in range(rows)] + [
        {"step": rows, "gradient_generator": last}
    ]


def test_names_the_network_that_explodes():
    """A gradient 500 times its usual size is told, with the network and the factor."""
    message = Exploding()(history(1000.0))
    assert "generator" in message
    assert "500 times" in message


def test_lets_gradients_vary():
    """Ten times the usual is no explosion, and neither is anything in the first rows."""
    assert Exploding()(history(20.0)) is None
    assert Exploding()(history(1000.0, rows=5)) is None


def test_waits_for_rows_of_the_network_itself():
    """A network that is trained late in a training has no usual size at first."""
    late = {"step": 21, "gradient_generator": 2.0, "gradient_refiner": 500.0}
    assert Exploding()([*history(2.0), late]) is None
