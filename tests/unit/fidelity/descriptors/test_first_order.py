"""First-order statistics equal the published values of the IBSI's phantom."""

import numpy as np
import pytest

from pipeline.fidelity.descriptors.first_order import first_order
from tests.ibsi_phantom import PHANTOM, agrees

# The reference manual's section 3.3, consensus very strong; variance and not its root is published.
PUBLISHED = {
    "Energy": 567.0,
    "RootMeanSquared": 2.77,
    "Mean": 2.15,
    "Minimum": 1.0,
    "10Percentile": 1.0,
    "Median": 1.0,
    "90Percentile": 4.0,
    "Maximum": 6.0,
    "InterquartileRange": 3.0,
    "Range": 5.0,
    "MeanAbsoluteDeviation": 1.55,
    "RobustMeanAbsoluteDeviation": 1.11,
    "Skewness": 1.08,
    "Kurtosis": -0.355,
}


def test_every_figure_is_the_published_one():
    """Over the region's voxels."""
    found = first_order(PHANTOM[PHANTOM > 0][None], bins=6)
    assert all(agrees(found[name][0], published) for name, published in PUBLISHED.items())
    assert agrees(found["StandardDeviation"][0] ** 2, 3.05)


def test_the_histogram_is_over_the_window():
    """Section 3.4's entropy and uniformity, 1.27 bits and 0.512, with a level a bin."""
    # Levels 1 to 6 at the middles of six bins between -1 and 1.
    values = (PHANTOM[PHANTOM > 0][None] - 0.5) / 3.0 - 1.0
    found = first_order(values, bins=6)
    assert agrees(found["Entropy"][0], 1.27)
    assert agrees(found["Uniformity"][0], 0.512)


def test_equal_pixels_have_no_spread_and_nothing_undefined():
    """Skewness and kurtosis of one value are 0."""
    found = first_order(np.full((2, 9), 0.3, np.float32), bins=8)
    assert found["Mean"] == pytest.approx(0.3)
    for name in ("StandardDeviation", "Skewness", "Kurtosis", "Entropy"):
        assert found[name] == pytest.approx(0.0, abs=1e-6)
    assert found["Uniformity"].tolist() == [1.0, 1.0]
