"""Run lengths equal the published values of the IBSI's phantom and an example by hand."""

import numpy as np
import pytest

from pipeline.fidelity.descriptors.run_length import matrix, run_length
from tests.ibsi_phantom import LEVELS, PHANTOM, agrees

# The reference manual's section 3.7: "2D, averaged" and "3D, averaged", consensus very strong.
PUBLISHED = {
    "ShortRunEmphasis": (0.641, 0.705),
    "LongRunEmphasis": (3.78, 3.06),
    "LowGrayLevelRunEmphasis": (0.604, 0.603),
    "HighGrayLevelRunEmphasis": (9.82, 9.7),
    "ShortRunLowGrayLevelEmphasis": (0.294, 0.352),
    "ShortRunHighGrayLevelEmphasis": (8.57, 8.54),
    "LongRunLowGrayLevelEmphasis": (3.14, 2.39),
    "LongRunHighGrayLevelEmphasis": (17.4, 17.6),
    "GrayLevelNonUniformityNormalized": (0.46, 0.43),
    "RunLengthNonUniformityNormalized": (0.492, 0.513),
    "RunPercentage": (0.627, 0.68),
    "GrayLevelVariance": (3.35, 3.46),
    "RunVariance": (0.761, 0.574),
    "RunEntropy": (2.17, 2.43),
}


def test_every_figure_is_the_published_one():
    """In 2D over the phantom's slices, in 3D over the whole."""
    flat = run_length(PHANTOM, bins=LEVELS)
    whole = run_length(PHANTOM[None], bins=LEVELS)
    assert set(flat) == set(PUBLISHED)
    wrong = {
        name: (flat[name].mean(), whole[name][0])
        for name, (in_2d, in_3d) in PUBLISHED.items()
        if not (agrees(flat[name].mean(), in_2d) and agrees(whole[name][0], in_3d))
    }
    assert not wrong


def test_runs_along_rows_by_hand():
    """The example of Galloway's matrix that pyradiomics documents."""
    levels = np.array(
        [[5, 2, 5, 4, 4], [3, 3, 3, 1, 3], [2, 1, 1, 1, 3], [4, 2, 2, 2, 3], [3, 5, 3, 3, 2]]
    )
    expected = [
        [1, 0, 1, 0, 0],
        [3, 0, 1, 0, 0],
        [4, 1, 1, 0, 0],
        [1, 1, 0, 0, 0],
        [3, 0, 0, 0, 0],
    ]
    assert matrix(levels[None], bins=5, direction=(0, 1))[0].tolist() == expected


@pytest.mark.parametrize("direction", [(0, 1), (1, 0), (1, 1), (1, -1)])
def test_runs_cover_every_pixel(direction):
    """Lengths times counts add up to the pixels inside, in every direction, holes or not."""
    levels = np.random.default_rng(0).integers(0, 3, (4, 17, 9))
    counts = matrix(levels, bins=2, direction=direction)
    covered = counts.sum(1) @ np.arange(1, counts.shape[2] + 1)
    assert covered.tolist() == (levels > 0).sum((1, 2)).tolist()


def test_an_empty_region_has_no_runs():
    """Nothing is undefined."""
    found = run_length(np.zeros((1, 5, 5), int), bins=4)
    assert all(figures.tolist() == [0.0] for figures in found.values())
