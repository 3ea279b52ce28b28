"""Holm's correction."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.statistics import holm


def test_hand_worked_example() -> None:
    """Sorted p-values are multiplied by m, m - 1, ... and never decrease."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_stays_at_most_one_and_keeps_a_single_value() -> None:
    """A single question needs no correction, and no probability exceeds one."""
    assert holm([0.2]) == pytest.approx([0.2])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0


def test_order_does_not_matter() -> None:
    """Permuting the questions permutes the answers."""
    p_values = np.array([0.04, 0.001, 0.04, 0.3])
    order = [2, 0, 3, 1]
    assert holm(p_values[order]) == pytest.approx(holm(p_values)[order])
