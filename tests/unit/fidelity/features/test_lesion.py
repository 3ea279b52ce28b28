"""What the mask outlines, described."""

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.fidelity.features.lesion import Lesion
from tests.masked_discs import discs


@pytest.mark.parametrize("size", [(20, 20), (12, 12, 12)], ids=str)
def test_features_are_standardised_and_finite(tmp_path, size):
    """In 2D and 3D."""
    images = discs(tmp_path, 20, size=size)
    features = Lesion.fit(images)(images)
    assert np.abs(features.mean(0)).max() < 1e-9
    spread = features.std(0)
    assert (np.isclose(spread, 1.0) | (spread < 1e-6)).all()


def test_larger_masks_have_a_larger_first_feature(tmp_path):
    """The first is the size; classes differ in it by several spreads of their own."""
    images = discs(tmp_path, 40)
    size = Lesion.fit(images)(images)[:, 0]
    small, large = size[images.labels == 0], size[images.labels == 1]
    assert large.min() > small.max()


def test_a_mask_that_outlines_nothing_is_far_from_all(tmp_path):
    """Every feature of it is what 0 is to the training rows."""
    images = discs(tmp_path / "train", 40)
    describe = Lesion.fit(images)
    found = describe(discs(tmp_path / "empty", 3, empty=True))
    assert np.ptp(found, axis=0).max() == 0.0
    assert found[0, 0] < describe(images)[:, 0].min()


def test_a_set_without_masks_is_refused(tmp_path):
    """The message names the set."""
    with pytest.raises(DataError, match="masks"):
        Lesion.fit(discs(tmp_path, 4, masks=False))
