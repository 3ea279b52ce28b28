"""Distances to training images tell copies from fresh images."""

import numpy as np
import pytest

from pipeline.fidelity.distances import nearest, pairwise, radii
from pipeline.fidelity.nearest_neighbour import nearest_neighbour, share_nearer_than_held_out


def test_distances_by_hand() -> None:
    """A 3-4-5 triangle has its distances."""
    points = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]])
    assert pairwise(points, points)[0].tolist() == pytest.approx([0.0, 3.0, 5.0])
    distances, positions = nearest(np.array([[3.0, 1.0]]), points)
    assert (distances.tolist(), positions.tolist()) == ([1.0], [1])
    assert radii(points, 1).tolist() == pytest.approx([3.0, 3.0, 4.0])


def test_the_summary_is_the_median_and_the_percentile() -> None:
    """Candidates at distances 0 to 100 have median 50 and 5th percentile 5."""
    candidates = np.stack([np.arange(101.0), np.zeros(101)], axis=1)
    training = np.stack([np.zeros(2), np.zeros(2)], axis=1)
    assert nearest_neighbour(training, candidates) == {"nearest_median": 50.0, "nearest_p05": 5.0}


def test_planted_copies_are_nearer_than_held_out_patients() -> None:
    """Half copies give a share of at least a half; fresh images give about the yardstick."""
    rng = np.random.default_rng(0)
    training, held_out, fresh = (rng.normal(size=(400, 6)) for _ in range(3))
    copies = np.concatenate([training[:200] + 1e-3, fresh[:200]])
    # 400 draws at 5% have a standard error of about 1.1% on each side; 4 of them make 6%.
    assert share_nearer_than_held_out(training, fresh, held_out) < 0.05 + 0.06
    assert share_nearer_than_held_out(training, copies, held_out) >= 0.5
