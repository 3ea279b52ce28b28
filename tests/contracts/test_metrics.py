"""Every fidelity metric of the registries keeps the contract."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.registry import METRICS, PIXEL_METRICS
from tests.masked_discs import discs


@pytest.mark.parametrize("name", list(METRICS))
def test_a_metric_of_features_gives_finite_numbers_by_name(name):
    """Of few images, of fewer images than features, and of equal images, without a warning."""
    rng = np.random.default_rng(0)
    metric = METRICS.load(name)
    wide, other = rng.normal(size=(7, 30)), rng.normal(size=(6, 30))
    for first, second in ((wide, other), (wide, wide), (wide, np.repeat(other[:1], 6, axis=0))):
        found = metric(first, second, neighbours=3)
        assert found and all(isinstance(value, float) for value in found.values())
        assert all(np.isfinite(value) for value in found.values())


@pytest.mark.parametrize("name", list(METRICS))
def test_a_metric_of_features_is_computed_in_float64(name):
    """Features that float32 cannot tell from each other are told apart."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(12, 3)), rng.normal(size=(12, 3))
    metric = METRICS.load(name)
    exact = metric(first, second, neighbours=3)
    rounded = metric(first.astype(np.float32), second.astype(np.float32), neighbours=3)
    for key, value in exact.items():
        assert rounded[key] == pytest.approx(value, rel=1e-4, abs=1e-5)
        assert type(value) is float


@pytest.mark.parametrize("size", [(16, 16), (12, 12, 12)], ids=str)
@pytest.mark.parametrize("name", list(PIXEL_METRICS))
def test_a_metric_of_pixels_gives_finite_numbers_by_name(tmp_path, name, size):
    """In 2D and 3D, the same for the same generator."""
    images = discs(tmp_path, 8, size=size)
    metric = PIXEL_METRICS.load(name)
    given = images.scaled(), images.labels
    found = metric(*given, rng=np.random.default_rng(0))
    assert found and all(np.isfinite(value) for value in found.values())
    assert found == metric(*given, rng=np.random.default_rng(0))


def test_no_two_metrics_give_a_figure_of_one_name():
    """Figures stand side by side in one table."""
    rng = np.random.default_rng(0)
    sets = rng.normal(size=(8, 3)), rng.normal(size=(8, 3))
    names = [key for name in METRICS for key in METRICS.load(name)(*sets, neighbours=3)]
    assert len(names) == len(set(names))
