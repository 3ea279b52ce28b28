"""Co-occurrence equals the published values of the IBSI's phantom and scikit-image's matrices."""

import numpy as np
import pytest
from skimage.feature import graycomatrix

from pipeline.fidelity.descriptors.cooccurrence import cooccurrence, matrix
from tests.ibsi_phantom import LEVELS, PHANTOM, agrees

# The reference manual's section 3.6: "2D, averaged" and "3D, averaged", consensus very strong.
PUBLISHED = {
    "MaximumProbability": (0.519, 0.503),
    "JointAverage": (2.14, 2.14),
    "SumSquares": (2.69, 3.1),
    "JointEntropy": (2.05, 2.4),
    "DifferenceAverage": (1.42, 1.43),
    "DifferenceVariance": (2.9, 3.06),
    "DifferenceEntropy": (1.4, 1.56),
    "SumEntropy": (1.6, 1.92),
    "JointEnergy": (0.368, 0.303),
    "Contrast": (5.28, 5.32),
    "Id": (0.678, 0.677),
    "Idm": (0.619, 0.618),
    "InverseVariance": (0.0567, 0.0604),
    "Correlation": (-0.0121, 0.157),
    "Autocorrelation": (5.09, 5.06),
    "ClusterTendency": (5.47, 7.07),
    "ClusterShade": (7.0, 16.6),
    "ClusterProminence": (79.1, 145.0),
    "Imc1": (-0.155, -0.157),
    "Imc2": (0.487, 0.52),
}


def test_every_figure_is_the_published_one():
    """In 2D over the phantom's slices, in 3D over the whole."""
    flat = cooccurrence(PHANTOM, bins=LEVELS, distance=1)
    whole = cooccurrence(PHANTOM[None], bins=LEVELS, distance=1)
    assert set(flat) == set(PUBLISHED)
    wrong = {
        name: (flat[name].mean(), whole[name][0])
        for name, (in_2d, in_3d) in PUBLISHED.items()
        if not (agrees(flat[name].mean(), in_2d) and agrees(whole[name][0], in_3d))
    }
    assert not wrong


@pytest.mark.parametrize(
    ("offset", "distance", "angle"),
    [((0, 1), 1, 0.0), ((1, 0), 1, np.pi / 2), ((0, 2), 2, 0.0), ((1, 1), 1, -np.pi * 7 / 4)],
)
def test_the_matrix_is_scikit_images(offset, distance, angle):
    """Counted both ways, on noise."""
    levels = np.random.default_rng(0).integers(1, 9, (3, 12, 10))
    counted = matrix(levels, bins=8, offset=offset)
    for image, found in zip(levels, counted, strict=True):
        expected = graycomatrix((image - 1).astype(np.uint8), [distance], [angle], 8, True)
        assert np.array_equal(found, expected[:, :, 0, 0])


def test_equal_pixels_are_fully_correlated():
    """One level has no entropy and no contrast, and no figure is undefined."""
    found = cooccurrence(np.full((2, 6, 6), 3), bins=4, distance=1)
    assert found["Correlation"].tolist() == [1.0, 1.0]
    assert found["JointEnergy"].tolist() == [1.0, 1.0]
    assert found["Contrast"].tolist() == found["JointEntropy"].tolist() == [0.0, 0.0]
    assert all(np.isfinite(figures).all() for figures in found.values())


def test_a_region_of_one_pixel_has_no_pairs():
    """Nothing stands next to anything."""
    levels = np.zeros((1, 5, 5), int)
    levels[0, 2, 2] = 4
    found = cooccurrence(levels, bins=4, distance=1)
    assert all(figures.tolist() == [0.0] for figures in found.values())


def test_an_image_does_not_depend_on_its_block():
    """Described alone or among others, the figures are the same."""
    levels = np.random.default_rng(0).integers(1, 65, (300, 6, 6))
    every = cooccurrence(levels, bins=64, distance=2)
    alone = cooccurrence(levels[211:212], bins=64, distance=2)
    assert all(every[name][211] == pytest.approx(alone[name][0], rel=1e-12) for name in every)
