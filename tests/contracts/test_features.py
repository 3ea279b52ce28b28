"""Every feature extractor of the registry keeps the contract."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pipeline.compute import Machine
from pipeline.config import Augment, Section, options_of
from pipeline.fidelity.features import resnet_weights
from pipeline.registry import FEATURES
from tests.masked_discs import discs


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Options that an extractor cannot do without."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    save_file(resnet_weights.build("resnet18", 3).state_dict(), path)
    return {"pretrained": {"file": str(path), "network": "resnet18", "size": 32}}


def fitted(name, given, training, seed=1):
    """An extractor as the stage fits it."""
    return FEATURES.load(name).fit(
        training,
        training.take(range(0, len(training), 3)),
        options=options_of(FEATURES, name, given.get(name, {}), f"assess.options.{name}"),
        steps=2,
        seed=seed,
        machine=Machine(),
        augment=Augment(),
    )


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """What is fitted once is left in the test's own directory."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


@pytest.mark.parametrize("size", [(16, 16), (16, 16, 12)], ids=str)
@pytest.mark.parametrize("name", list(FEATURES))
def test_images_become_rows_of_finite_numbers(tmp_path, given, name, size):
    """(N, D) float64, in 2D and 3D, as many numbers for any set, the same for the same image."""
    training = discs(tmp_path / "train", 12, size=size)
    describe = fitted(name, given, training)
    features = describe(training)
    assert features.dtype == np.float64 and features.shape[0] == 12 and features.ndim == 2
    assert np.isfinite(features).all()
    other = describe(discs(tmp_path / "other", 5, size=size, seed=1))
    assert other.shape == (5, features.shape[1])
    assert describe(training.take([7, 2])) == pytest.approx(features[[7, 2]], rel=1e-4, abs=1e-4)
    assert len(np.unique(features.round(6), axis=0)) == 12


@pytest.mark.parametrize("name", list(FEATURES))
def test_the_same_seed_gives_the_same_features(tmp_path, given, name):
    """Bit for bit."""
    training = discs(tmp_path / "train", 12, size=(16, 16))
    first, second = (fitted(name, given, training)(training) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", list(FEATURES))
def test_only_those_that_need_masks_look_at_them(tmp_path, given, name):
    """The others describe a set without masks as the same set with."""
    training = discs(tmp_path / "with", 8, size=(16, 16))
    without = discs(tmp_path / "without", 8, size=(16, 16), masks=False)
    describe = fitted(name, given, training)
    if not FEATURES.load(name).needs_masks:
        assert np.array_equal(describe(without), describe(training))
    else:
        empty = discs(tmp_path / "empty", 8, size=(16, 16), empty=True)
        assert not np.allclose(describe(empty), describe(training))


@pytest.mark.parametrize("name", list(FEATURES))
def test_options_are_a_frozen_section(name):
    """Validated at ingest, as those of families are."""
    assert issubclass(FEATURES.load(name).Options, Section)
