"""Super-resolution: its phases, what they minimise, and its noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.gan.diets.low_high import LowHigh
from pipeline.gan.families.srgan import Srgan, SrganOptions
from pipeline.gan.family import Batch, Shape
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


def test_pixels_alone_come_first():
    """The paper's order, by share of the steps."""
    model = family(factor=2, steps=10, pretraining=0.3, r1_gamma=0.0)
    names = [[phase.name for phase in model.phases(step)] for step in range(10)]
    assert names[:3] == [["pretraining"]] * 3
    assert names[3:] == [["discriminator", "generator"]] * 7
    assert set(report(model, "pretraining").terms) == {"pixel"}
    assert set(report(model, "generator").terms) == {"generator", "content", "pixel"}


def test_weights_scale_their_terms():
    """Twice the weight is twice the term."""
    once, twice = (report(family(factor=2, content=w, pixel=w), "generator") for w in (1.0, 2.0))
    for name in ("content", "pixel"):
        assert twice.terms[name].item() == pytest.approx(2.0 * once.terms[name].item(), rel=1e-5)


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


def test_detail_is_shown_as_strong_as_the_images(tmp_path):
    """Preparing measures the detail of real rows: multiplied by the gain, its spread is 1."""
    images = labelled_noise(tmp_path, [0, 1] * 8, size=SIZE)
    model = family(factor=2, perceptual_steps=1)
    model.prepare(images, np.random.default_rng(0))
    critic = model.networks["discriminator"]
    detail = critic.gain * critic.detail(torch.from_numpy(images.scaled()))
    assert detail.std().item() == pytest.approx(1.0, rel=1e-4)
