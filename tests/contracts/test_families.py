"""What every GAN family promises, whatever it is: run over the whole registry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.compute import Machine
from pipeline.gan import checkpoints, training
from pipeline.gan.family import Batch, Shape
from pipeline.gan.feed import Feed
from pipeline.gan.sampling import sample
from pipeline.gan.training import Session, train
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.registry import FAMILIES, MONITORS
from pipeline.seeding import seed_initialisation

MACHINE = Machine()
SIZES = [(16, 16), (28, 28), (32, 32), (24, 16), (8, 16, 16)]
SMALL = {"batch": 4, "steps": 6}


@pytest.fixture(autouse=True)
def _one_thread():
    """Bits depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build(name, size=(16, 16), channels=1, **options):
    """A family of three classes (or of one class), and its shape."""
    kind = FAMILIES.load(name)
    shape = Shape(channels, size, 3 if kind.conditional else 1)
    seed_initialisation(0, name)
    family = kind(shape, kind.Options(**{**SMALL, **options}))
    return family, shape


def batch_for(shape, count=4):
    """Noise as a training batch."""
    rng = torch.Generator().manual_seed(1)
    images = torch.rand(count, shape.channels, *shape.size, generator=rng) * 2 - 1
    return Batch(torch.arange(count) % shape.classes, images)


def generators(count):
    """A seeded generator an image."""
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Twelve images of three classes."""
    root = tmp_path_factory.mktemp("set")
    meta = Meta(("a", "b", "c"), ("CT",), "HU", (-100.0, 200.0))
    rng = np.random.default_rng(0)
    with ImageSetWriter(root, meta, capacity=12, shape=(1, 16, 16), dtype=np.int16) as writer:
        for number in range(12):
            writer.add(
                rng.integers(-100, 200, (1, 16, 16)),
                image_id=f"i{number}",
                label=meta.classes[number % 3],
                patient_id=f"p{number}",
                origin="real",
            )
    return ImageSet.open(root)


def session(directory: Path, preview=lambda step, family: None, report=lambda *_: None):
    """A session that nobody watches."""
    return Session("test", "train_gan.options.x", 7, MACHINE, directory, report, preview)


def trained(name, images, directory, **kinds):
    """A family trained for a few steps, and its shape."""
    family, shape = build(name)
    labels = images.labels if family.conditional else images.labels * 0
    feed = Feed(images, labels, batch=4, balanced=True, device="cpu")
    return train(family, feed, session(directory, **kinds)), shape


@pytest.mark.parametrize("name", list(FAMILIES))
class TestFamily:
    """A family of the registry."""

    @pytest.mark.parametrize("size", SIZES, ids=str)
    @pytest.mark.parametrize("channels", [1, 3])
    def test_makes_images_of_the_shape_it_was_built_for(self, name, size, channels):
        """Samples have the asked shape and lie in [-1, 1], in 2D and 3D, for any size."""
        family, shape = build(name, size, channels)
        family.networks.eval()
        with torch.no_grad():
            given = Batch(torch.arange(2) % shape.classes)
            made = family.sample(given, generators(2))
        assert made.shape == (2, channels, *size)
        assert made.abs().max() <= 1

    @pytest.mark.parametrize("size", [(28, 28), (8, 16, 16)], ids=str)
    def test_gives_every_network_a_gradient(self, name, size):
        """Over the phases of the first rounds, every parameter of every network is moved."""
        family, shape = build(name, size)
        moved = set()
        for step in range(2):
            for phase in family.phases(step):
                for key, network in family.networks.items():
                    network.requires_grad_(key in phase.trains)
                report = family.loss(phase.name, batch_for(shape), torch.Generator())
                total = sum(report.terms.values())
                assert torch.isfinite(total)
                total.backward()
        for key, parameter in family.networks.named_parameters():
            assert parameter.grad is not None, key
            assert torch.isfinite(parameter.grad).all(), key
            moved |= {key} if parameter.grad.abs().sum() > 0 else set()
        # An additive bias in front of a normalisation cannot matter, all else must.
        still = {key for key, _ in family.networks.named_parameters()} - moved
        assert not still

    def test_gives_the_same_image_for_the_same_seed_only(self, name):
        """A seed fixes the pixels; another seed gives others."""
        family, _ = build(name)
        family.networks.eval()
        one, again, other = sample(family, [0, 0, 0], [5, 5, 6], MACHINE)
        assert np.array_equal(one, again)
        assert not np.array_equal(one, other)

    def test_makes_an_image_that_does_not_depend_on_its_neighbours(self, name):
        """An image sampled alone equals, bit by bit, the one sampled among many."""
        family, shape = build(name, (28, 28))
        family.networks.eval()
        labels = [seed % shape.classes for seed in range(9)]
        many = sample(family, labels, range(9), MACHINE)
        alone = [sample(family, [labels[s]], [s], MACHINE)[0] for s in range(9)]
        assert np.array_equal(many, np.stack(alone))

    def test_survives_being_saved(self, name, tmp_path):
        """A family loaded from its file makes the same images, and saving again the same bytes."""
        family, shape = build(name)
        family.networks.eval()
        for path in (tmp_path / "a.safetensors", tmp_path / "b.safetensors"):
            checkpoints.save_model(path, family, name, shape, {"classes": ["a"]})
        loaded, facts = checkpoints.load_model(tmp_path / "a.safetensors")
        assert facts["family"] == name
        assert loaded.options == family.options
        expected = sample(family, [0], [3], MACHINE)
        assert np.array_equal(sample(loaded, [0], [3], MACHINE), expected)
        first, second = (tmp_path / f"{letter}.safetensors" for letter in "ab")
        assert first.read_bytes() == second.read_bytes()

    def test_resumes_to_the_same_bits(self, name, images, tmp_path, monkeypatch):
        """A training that is cut off, at every step, ends with the weights of one that is not."""
        monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
        whole, _ = trained(name, images, tmp_path / "whole")

        class CutError(Exception):
            pass

        def cut(*_):
            raise CutError

        for _ in range(SMALL["steps"] - 1):
            with pytest.raises(CutError):
                # After a resume the first report tells of the steps already done.
                trained(name, images, tmp_path / "cut", report=_after(2, cut))
        resumed, _ = trained(name, images, tmp_path / "cut")
        assert resumed.history.rows == whole.history.rows
        for key, tensor in whole.family.networks.state_dict().items():
            assert torch.equal(tensor, resumed.family.networks.state_dict()[key]), key

    def test_trains_what_it_saves(self, name, images, tmp_path):
        """The averaged networks move, and stay finite."""
        before, _ = build(name)
        end, _ = trained(name, images, tmp_path)
        after = end.family.networks.state_dict()
        assert all(torch.isfinite(tensor.float()).all() for tensor in after.values())
        assert any(
            not torch.equal(tensor, after[key])
            for key, tensor in before.networks.state_dict().items()
        )


def _after(count, action):
    calls = []

    def report(*arguments):
        calls.append(arguments)
        if len(calls) == count:
            action()

    return report


@pytest.mark.parametrize("name", list(MONITORS))
def test_monitors_are_silent_about_a_healthy_history(name):
    """No monitor cries over steady figures, nor over none."""
    healthy = [
        {"step": step, "gradient_generator": 1.0, "d_real": 0.6, "d_fake": 0.4, "loss_x": 0.7}
        for step in range(40)
    ]
    monitor = MONITORS.load(name)()
    assert monitor([]) is None
    assert monitor(healthy) is None
