"""The network in whose features images are compared."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.gan.family import Shape
from pipeline.gan.networks.perceptual import Perceptual
from tests.labelled_noise import labelled_noise

SHAPE = Shape(1, (12, 11), 2)


def network():
    """From a fixed seed."""
    torch.manual_seed(0)
    return Perceptual(SHAPE)


def test_distance_is_one_of_normalised_features():
    """None between equal images; features of length 1 are at most 2 apart, in four stages."""
    images = torch.rand(4, 1, 12, 11, generator=torch.Generator().manual_seed(0))
    assert network().distance(images, images).item() == pytest.approx(0.0, abs=1e-10)
    assert 0.001 < network().distance(images, images.flip(2)).item() < 4 * 4.0


def test_comparing_leaves_the_network_as_it_is():
    """Its statistics do not follow the images, even where the loop trains all networks."""
    compared = network().train()
    before = {name: value.clone() for name, value in compared.state_dict().items()}
    compared.distance(torch.rand(4, 1, 12, 11), torch.rand(4, 1, 12, 11))
    for name, value in compared.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_learns_to_tell_the_classes(tmp_path):
    """Trained on bright and dark noise, it tells rows apart that it has not seen."""
    train = labelled_noise(tmp_path / "train", [0, 1] * 20, size=SHAPE.size)
    other = labelled_noise(tmp_path / "other", [0, 1] * 20, size=SHAPE.size, seed=1)
    trained = network()
    trained.fit(train, np.random.default_rng(0), steps=60)
    with torch.no_grad():
        logits = trained(torch.from_numpy(other.scaled()))
    assert (logits.argmax(1).numpy() == other.labels).mean() > 0.9
