"""The Fréchet distance against closed forms."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from pipeline.fidelity.frechet import frechet_distance


def test_identical_sets_are_at_distance_zero() -> None:
    """A set is at distance zero from itself."""
    features = np.random.default_rng(0).normal(size=(50, 8))
    assert frechet_distance(features, features)["frechet"] == pytest.approx(0.0, abs=1e-9)


def test_a_shift_costs_its_squared_length() -> None:
    """Equal covariances leave only the squared distance of the means."""
    features = np.random.default_rng(0).normal(size=(40, 3))
    shift = np.array([1.0, -2.0, 0.5])
    distance = frechet_distance(features, features + shift)["frechet"]
    assert distance == pytest.approx(float(shift @ shift), rel=1e-9)


def test_a_scaled_set_costs_the_difference_of_standard_deviations() -> None:
    """In one dimension the distance is the squared difference of the standard deviations."""
    features = np.random.default_rng(0).normal(size=(40, 1))
    features -= features.mean()
    deviation = features.std(ddof=1)
    assert frechet_distance(features, 3.0 * features)["frechet"] == pytest.approx(
        4.0 * deviation**2, rel=1e-9
    )


def test_fewer_images_than_features_change_nothing_but_the_way() -> None:
    """Features that are other features turned are as far apart, in however many dimensions."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(20, 6)), 2.0 * rng.normal(size=(25, 6)) + 0.5
    turn = np.linalg.qr(rng.normal(size=(50, 50)))[0][:6]
    expected = frechet_distance(first, second)["frechet"]
    assert frechet_distance(first @ turn, second @ turn)["frechet"] == pytest.approx(
        expected, rel=1e-9
    )


def test_it_equals_the_textbook_formula_with_a_general_matrix_root() -> None:
    """The symmetric root gives what scipy's general matrix square root gives."""
    rng = np.random.default_rng(1)
    first = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5))
    second = rng.normal(size=(70, 5)) @ rng.normal(size=(5, 5)) + 1.0
    cov_first, cov_second = np.cov(first.T), np.cov(second.T)
    shift = first.mean(0) - second.mean(0)
    root = np.trace(np.real(sqrtm(cov_first @ cov_second)))
    expected = shift @ shift + np.trace(cov_first) + np.trace(cov_second) - 2 * root
    assert frechet_distance(first, second)["frechet"] == pytest.approx(expected, rel=1e-6)
