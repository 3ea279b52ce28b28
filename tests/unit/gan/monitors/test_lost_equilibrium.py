"""The monitor of lost equilibrium."""

from __future__ import annotations

import pytest

from pipeline.gan.monitors.lost_equilibrium import LostEquilibrium


def history(*pairs):
    """Rows of D(x) and D(G(z))."""
    return [{"d_real": real, "d_fake": fake} for real, fake in pairs]


@pytest.mark.parametrize(
    ("real", "fake", "expected"), [(0.995, 0.004, "without a doubt"), (0.5, 0.5, "than a coin")]
)
def test_tells_which_side_has_lost(real, fake, expected):
    """A perfect discriminator and a blind one are each told, once it has lasted."""
    assert expected in LostEquilibrium()(history(*[(real, fake)] * 8))
    assert LostEquilibrium()(history(*[(real, fake)] * 7)) is None


def test_one_healthy_row_resets():
    """A stretch that is interrupted is none."""
    assert LostEquilibrium()(history(*[(0.99, 0.0)] * 7, (0.7, 0.3))) is None
