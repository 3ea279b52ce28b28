"""The monitor of lost equilibrium."""

from __future__ import annotations

import pytest

from pipeline.gan.monitors.lost_equilibrium import LostEquilibrium


def history(*rows):
    """Rows of D(x), D(G(z)) and D's accuracy."""
    return [{"d_real": real, "d_fake": fake, "d_accuracy": right} for real, fake, right in rows]


WON, BLIND, HEALTHY = (0.995, 0.004, 1.0), (0.5, 0.5, 0.5), (0.7, 0.3, 0.8)


@pytest.mark.parametrize(
    ("row", "expected"), [(WON, "100% of cases (D(x) is 0.99"), (BLIND, "says the same")]
)
def test_tells_which_side_has_lost(row, expected):
    """A perfect discriminator and a blind one are each told, once it has lasted."""
    assert expected in LostEquilibrium()(history(*[row] * 15))
    assert LostEquilibrium()(history(*[row] * 14)) is None


@pytest.mark.parametrize(
    "row",
    [(0.88, 0.02, 1.0), (0.62, 0.38, 1.0), (0.73, 0.27, 1.0)],
    ids=["smoothed labels", "least squares", "hinge"],
)
def test_sees_a_victory_whatever_the_loss(row):
    """Where D(x) stays far from one at best, the share of right answers tells."""
    assert "100% of cases" in LostEquilibrium()(history(*[row] * 15))


def test_one_healthy_row_resets():
    """A stretch that is interrupted is none."""
    assert LostEquilibrium()(history(*[WON] * 14, HEALTHY)) is None
    assert LostEquilibrium()(history(*[BLIND] * 14, HEALTHY)) is None


def test_a_lead_is_no_victory():
    """A discriminator that is usually right teaches most; and one that is nearly blind, still."""
    assert LostEquilibrium()(history(*[(0.9, 0.1, 0.93)] * 15)) is None
    assert LostEquilibrium()(history(*[(0.505, 0.495, 0.52)] * 15)) is None


def test_a_critic_may_win():
    """Its rows have no probabilities."""
    assert LostEquilibrium()([{"critic_gap": 5.0}] * 20) is None
