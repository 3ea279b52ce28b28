"""What every classifier of the registry promises; a new entry is tested by being there."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from pipeline.config import Section
from pipeline.errors import ParameterError
from pipeline.registry import CLASSIFIERS
from pipeline.seeding import seed_initialisation

# Entries that are slow at their defaults are tested with these options instead.
QUICK = {
    "small_resnet": {"channels": [4, 8]},
    "frid_adar_cnn": {"channels": [4, 8], "dense": 8},
    "monai": {"network": "DenseNet121", "arguments": {"init_features": 8, "growth_rate": 4}},
}
SIZES = [(28, 28), (24, 24, 24)]


def build(name, size, *, channels=1, classes=3, seed=0):
    """An entry's network with fresh weights of a seed."""
    kind = CLASSIFIERS.load(name)
    seed_initialisation(seed, "contract")
    return kind(channels, size, classes, kind.Options.model_validate(QUICK.get(name, {})))


@pytest.fixture(params=CLASSIFIERS)
def name(request):
    """Each entry of the registry."""
    return request.param


@pytest.mark.parametrize("size", SIZES, ids=["2d", "3d"])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_become_logits(name, size, channels):
    """(N, C, *spatial) to (N, classes), in 2D and 3D, grey and colour."""
    logits = build(name, size, channels=channels)(torch.zeros(2, channels, *size))
    assert tuple(logits.shape) == (2, 3)
    assert torch.isfinite(logits).all()


def test_every_weight_gets_a_gradient(name):
    """Nothing is built that the loss does not reach."""
    network = build(name, SIZES[0]).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    rng = torch.Generator().manual_seed(0)
    # Layers behind a zero-initialised one hear of the loss from the second step on.
    for _ in range(2):
        images = torch.randn(8, 1, *SIZES[0], generator=rng)
        loss = F.cross_entropy(network(images), torch.arange(8) % 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    silent = [
        key
        for key, weight in network.named_parameters()
        if weight.grad is None or not torch.isfinite(weight.grad).all() or not weight.grad.any()
    ]
    assert silent == []


def test_seed_alone_decides_the_initial_weights(name):
    """The same seed gives equal weights to the bit, another gives others."""
    first, again, other = (build(name, SIZES[0], seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_an_image_is_classified_alone(name):
    """In evaluation mode the rest of a batch has no say."""
    network = build(name, SIZES[0]).eval()
    images = torch.randn(4, 1, *SIZES[0], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network(images)[2:3], network(images[2:3]), atol=1e-5, rtol=0)


def test_options_are_frozen_and_complete(name):
    """Defaults suffice, an unknown option is refused, and none can be changed."""
    kind = CLASSIFIERS.load(name)
    assert issubclass(kind.Options, Section)
    options = kind.Options()
    with pytest.raises(ValidationError):
        kind.Options(no_such_option=1)
    with pytest.raises(ValidationError):
        setattr(options, next(iter(kind.Options.model_fields)), None)


class TestMonai:
    """MONAI's networks by their own names."""

    @pytest.mark.parametrize("network", ["EfficientNetBN", "SEResNet50", "resnet10"])
    def test_kinds_that_name_their_arguments_differently(self, network):
        """One of each naming is built with the images' channels and classes."""
        kind = CLASSIFIERS.load("monai")
        built = kind(2, (32, 32), 4, kind.Options(network=network)).eval()
        assert tuple(built(torch.zeros(1, 2, 32, 32)).shape) == (1, 4)

    def test_unknown_network_lists_the_choices(self):
        """A wrong name is told with the right ones."""
        with pytest.raises(ValidationError, match="choose one of DenseNet121"):
            CLASSIFIERS.load("monai").Options(network="DenseNet")

    def test_arguments_that_follow_from_the_images_are_refused(self):
        """Channels, classes, dimensions, and weights from the network."""
        for name in ("in_channels", "num_classes", "spatial_dims", "pretrained"):
            with pytest.raises(ValidationError, match=f"{name} follows from the images"):
                CLASSIFIERS.load("monai").Options(arguments={name: 1})

    def test_arguments_that_monai_refuses_are_one_sentence(self):
        """MONAI's own complaint, with the place in params.yaml."""
        kind = CLASSIFIERS.load("monai")
        with pytest.raises(ParameterError, match=r"classify\.options\.arguments: DenseNet121"):
            kind(1, (32, 32), 2, kind.Options(arguments={"no_such": 1}))


def test_size_too_small_for_the_papers_network_is_told():
    """Three poolings need eight pixels."""
    kind = CLASSIFIERS.load("frid_adar_cnn")
    with pytest.raises(ParameterError, match=r"ingest\.size: got \[7, 32\]"):
        kind(1, (7, 32), 2, kind.Options())
