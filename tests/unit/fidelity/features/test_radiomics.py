"""The radiomics-like set: standardised, in 2D and 3D, and moved by what changes an image."""

import numpy as np
import pytest

from pipeline.fidelity.features.radiomics import Radiomics, RadiomicsOptions, named
from pipeline.fidelity.frechet import frechet_distance
from tests.masked_discs import discs

SIZES = [(20, 20), (12, 12, 8)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_features_are_standardised_by_the_training_rows(tmp_path, size):
    """Mean 0 and spread 1, or 0 for what does not vary among them."""
    images = discs(tmp_path, 30, size=size)
    features = Radiomics.fit(images)(images)
    assert features.shape == (30, len(named(images))) and features.dtype == np.float64
    assert np.abs(features.mean(0)).max() < 1e-9
    spread = features.std(0)
    assert (np.isclose(spread, 1.0) | (spread < 1e-6)).all()
    assert np.isclose(spread, 1.0).mean() > 0.9


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("change", [{"noise": 30.0}, {"grow": 1.5}], ids=["noise", "size"])
def test_the_frechet_radiomics_distance_grows_with_a_change(tmp_path, size, change):
    """Noisier or larger discs are farther from the training rows than other discs like them."""
    train = discs(tmp_path / "train", 60, size=size)
    describe = Radiomics.fit(train, options=RadiomicsOptions(bins=16, distances=(1,)))
    like = discs(tmp_path / "like", 60, size=size, seed=1)
    changed = discs(tmp_path / "changed", 60, size=size, seed=1, **change)
    floor, value = (
        frechet_distance(describe(train), describe(each))["frechet"] for each in (like, changed)
    )
    assert value > 2.0 * floor


def test_an_image_is_described_alike_alone_and_among_others(tmp_path):
    """No figure depends on the batch."""
    images = discs(tmp_path, 300, size=(8, 8))
    describe = Radiomics.fit(images)
    assert describe(images.take([270]))[0] == pytest.approx(describe(images)[270], abs=1e-9)


def test_every_channel_has_its_figures_by_name(tmp_path):
    """Names say channel, kind and figure."""
    found = named(discs(tmp_path, 4, channels=2))
    assert len(found) == len({name.replace("c1_", "c0_") for name in found}) * 2
    assert {"c0_firstorder_Mean", "c1_glcm2_Contrast", "c0_glrlm_RunEntropy"} <= set(found)
    assert np.allclose(found["c0_firstorder_Mean"], found["c1_firstorder_Mean"], atol=0.05)


def test_an_image_smaller_than_a_distance_has_no_pairs_at_it(tmp_path):
    """Two pixels across have neighbours, and no pixel two further on."""
    found = named(discs(tmp_path, 4, size=(2, 8)))
    kinds = {name.split("_")[1] for name in found}
    assert kinds == {"firstorder", "glcm1", "glrlm"}


def test_what_the_training_rows_all_share_is_centred_and_not_blown_up(tmp_path):
    """A constant feature is divided by 1, not by rounding."""
    images = discs(tmp_path / "one", 1).take(np.zeros(5, int))
    describe = Radiomics.fit(images)
    assert np.abs(describe(images)).max() < 1e-6
    other = describe(discs(tmp_path / "other", 5, seed=3))
    assert np.isfinite(other).all() and np.abs(other).max() > 0.1
