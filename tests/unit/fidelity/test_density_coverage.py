"""Density and coverage by hand, and where precision and recall would mislead."""

import numpy as np
import pytest

from pipeline.fidelity.density_coverage import density_coverage
from pipeline.fidelity.precision_recall import precision_recall


def test_two_pairs_on_a_line_by_hand():
    """Every radius is 1: 0.5 lies in two neighbourhoods, 1.5 in one, 30 in none."""
    real = np.array([[0.0], [1.0], [10.0], [11.0]])
    fake = np.array([[0.5], [1.5], [30.0]])
    figures = density_coverage(real, fake, neighbours=1)
    assert figures == {"density": pytest.approx(1.0), "coverage": 0.5}


def test_two_draws_of_one_distribution_reach_what_the_paper_says():
    """Density is 1 in expectation and coverage near 1 - 2^-k (equation 7; 0.97 at k = 5)."""
    rng = np.random.default_rng(0)
    figures = density_coverage(rng.normal(size=(600, 8)), rng.normal(size=(600, 8)), neighbours=5)
    # Over ten other seeds the spread was 0.03 and 0.008; five of them are allowed.
    assert figures["density"] == pytest.approx(1.0, abs=0.15)
    assert figures["coverage"] == pytest.approx(1 - 2**-5, abs=0.04)


def test_collapse_lowers_coverage_and_not_density():
    """A generator that repeats one mode is dense there and covers little."""
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(size=(100, 4)), rng.normal(size=(100, 4)) + 20.0])
    collapsed = rng.normal(size=(200, 4)) * 0.5
    figures = density_coverage(real, collapsed, neighbours=5)
    assert figures["density"] > 1.0
    assert figures["coverage"] < 0.55


def test_one_stray_image_covers_nothing():
    """Recall believes a few scattered images; coverage does not."""
    rng = np.random.default_rng(0)
    real = rng.normal(size=(200, 4))
    strays = rng.normal(size=(12, 4)) * 8.0
    assert precision_recall(real, strays, neighbours=5)["recall"] > 0.9
    assert density_coverage(real, strays, neighbours=5)["coverage"] < 0.2
