"""Super-resolution: its layers, its phases, and the network that compares images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import pixel_shuffle

from pipeline.gan.diets.low_high import LowHigh
from pipeline.gan.families.srgan import Srgan, SrganOptions, shuffled
from pipeline.gan.family import Batch, Shape
from pipeline.gan.resizing import enlargements, resize
from tests.labelled_noise import labelled_noise

SIZE = (12, 11)


def family(**options):
    """A small one, from a fixed seed."""
    torch.manual_seed(0)
    sizes = {"ngf": 4, "ndf": 4, "widest": 8, "blocks": 1, "latent": 2}
    return Srgan(Shape(1, SIZE, 2), SrganOptions(**sizes, **options))


def batch():
    """Four images beside reduced versions."""
    rng = torch.Generator().manual_seed(0)
    low = torch.rand(4, 1, 6, 6, generator=rng)
    return Batch(
        torch.tensor([0, 1, 0, 1]), torch.rand(4, 1, *SIZE, generator=rng), extra={"low": low}
    )


def report(model, phase):
    """What a phase's loss says on the batch."""
    return model.loss(phase, batch(), torch.Generator().manual_seed(1))


def test_sub_pixel_enlargement_is_the_papers():
    """In 2D it is PyTorch's own; in 3D a group of eight channels becomes a block of 2 x 2 x 2."""
    flat = torch.arange(2 * 8 * 3 * 5.0).reshape(2, 8, 3, 5)
    assert torch.equal(shuffled(flat), pixel_shuffle(flat, 2))
    solid = torch.arange(8.0).reshape(1, 8, 1, 1, 1)
    assert torch.equal(shuffled(solid), torch.arange(8.0).reshape(1, 1, 2, 2, 2))


def test_begins_at_interpolation():
    """With no detail to add, an image is the cubic enlargement of what was given."""
    model = family(factor=2)
    generator = model.networks["generator"]
    given = batch()
    noise = torch.randn(4, 2, 6, 6)
    with torch.no_grad():
        before = generator(given.extra["low"], noise)
        generator.image.weight.zero_()
        generator.image.bias.zero_()
        plain = generator(given.extra["low"], noise)
    expected = resize(given.extra["low"], enlargements(SIZE, 2))
    assert torch.equal(plain, expected)
    assert not torch.allclose(before, expected)


def test_pixels_alone_come_first():
    """The paper's order, by share of the steps."""
    model = family(factor=2, steps=10, pretraining=0.3, r1_gamma=0.0)
    names = [[phase.name for phase in model.phases(step)] for step in range(10)]
    assert names[:3] == [["pretraining"]] * 3
    assert names[3:] == [["discriminator", "generator"]] * 7
    assert set(report(model, "pretraining").terms) == {"pixel"}
    assert set(report(model, "generator").terms) == {"generator", "content", "pixel"}


def test_content_is_a_distance_of_features():
    """None between equal images; features of length 1 are at most 2 apart, in four stages."""
    model = family(factor=2)
    images, others = batch().images, batch().images.flip(2)
    assert model._content(images, images).item() == pytest.approx(0.0, abs=1e-10)
    apart = model._content(images, others).item()
    assert 0.001 < apart < 4 * 4.0


def test_weights_scale_their_terms():
    """Twice the weight is twice the term."""
    once, twice = (report(family(factor=2, content=w, pixel=w), "generator") for w in (1.0, 2.0))
    for name in ("content", "pixel"):
        assert twice.terms[name].item() == pytest.approx(2.0 * once.terms[name].item(), rel=1e-5)


def test_learns_to_tell_the_classes_before_it_compares_images(tmp_path):
    """Trained on bright and dark noise, the network for the features tells held-back rows apart."""
    train = labelled_noise(tmp_path / "train", [0, 1] * 20, size=SIZE)
    other = labelled_noise(tmp_path / "other", [0, 1] * 20, size=SIZE, seed=1)
    model = family(factor=2, perceptual_steps=60)
    model.prepare(train, np.random.default_rng(0))
    with torch.no_grad():
        logits = model.networks["perceptual"](torch.from_numpy(other.scaled()))
    assert (logits.argmax(1).numpy() == other.labels).mean() > 0.9


def test_noise_changes_the_detail(tmp_path):
    """One offer, two seeds: other images, of one truth."""
    images = labelled_noise(tmp_path, [0, 1] * 4, size=SIZE)
    model = family(factor=2)
    given = LowHigh(images, images.labels, model.options, "cpu").offer(0, torch.Generator()).given
    with torch.no_grad():
        one, other = (
            model.sample(given, [torch.Generator().manual_seed(seed)]).images for seed in (1, 2)
        )
    assert not torch.equal(one, other)
