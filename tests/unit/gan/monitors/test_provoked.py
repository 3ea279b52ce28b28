"""Monitors on trainings that really go wrong, and on one that goes well.

Small discs and large ones on a dark ground, 16 x 16 pixels, and networks that train in seconds.
Every training is seeded; on another machine its last digits differ, its failure does not.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.compute import Machine
from pipeline.errors import ParameterError
from pipeline.gan.examination import Examiner, Kind
from pipeline.gan.families.conditional import Conditional
from pipeline.gan.family import Sampled
from pipeline.gan.rows import Rows
from pipeline.gan.training import Session, train
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.registry import FAMILIES, FEATURES
from pipeline.seeding import seed_initialisation

CLASSES = ("small", "large")
SIDE = 16
SMALL = {"ngf": 16, "ndf": 16, "widest": 32, "batch": 16, "copies": False}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def validation(tmp_path_factory):
    """Sixty discs that no training sees."""
    return discs(tmp_path_factory.mktemp("validation"), 60, seed=2)


@pytest.fixture
def training(tmp_path):
    """A set of 96 discs."""
    return discs(tmp_path / "training", 96, seed=1)


def discs(root, count, seed):
    """Discs of two classes in turn; size, place and brightness are their own."""
    rng = np.random.default_rng(seed)
    meta = Meta(CLASSES, ("CT",), "HU", (-1.0, 1.0))
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    shape = (1, SIDE, SIDE)
    with ImageSetWriter(root, meta, capacity=count, shape=shape, dtype=np.float32) as writer:
        for number in range(count):
            radius = rng.uniform(2.0, 3.2) if number % 2 == 0 else rng.uniform(4.0, 6.0)
            down, right = rng.uniform(-2.5, 2.5, 2)
            inside = 1 / (1 + np.exp(2 * (np.hypot(y - down, x - right) - radius)))
            image = rng.uniform(0.5, 1.3) * inside - 0.6 + rng.normal(0.0, 0.08, (SIDE, SIDE))
            writer.add(
                np.clip(image, -1.0, 1.0).astype(np.float32)[None],
                image_id=f"i{seed}-{number}",
                label=CLASSES[number % 2],
                patient_id=f"p{seed}-{number}",
                origin="real",
            )
    return ImageSet.open(root)


def of_class(images, label):
    """Its rows."""
    return images.take(images.manifest["label"].eq(label).to_numpy(bool))


def fitted(kind, images, validation, directory, **options):
    """Train a family as the stage does, with every monitor at its own choice of action."""
    known = {key: value for key, value in SMALL.items() if key in kind.Options.model_fields}
    chosen = kind.Options(**{**known, **options})
    rows = Rows.of(images, kind, chosen, None if kind.conditional else CLASSES[0], "cpu")
    seed_initialisation(1, "networks")
    family = kind(rows.shape, chosen)
    kinds = [
        Kind(index, of_class(images, label), of_class(validation, label))
        for label, index in rows.made.items()
    ]
    embed = FEATURES.load("texture").fit(images).of_pixels
    examiner = Examiner(kinds, rows.diet, embed, Machine(), 5)
    nobody = (lambda *_: None, lambda *_: None)
    session = Session("discs", "options", 1, Machine(), directory, *nobody, examiner)
    return train(family, rows.diet, session)


def found(end):
    """Monitors that spoke, and what was done."""
    return [(each.monitor, each.action) for each in end.history.findings]


def test_a_training_that_goes_well_is_left_alone(training, validation, tmp_path):
    """The default family with its default losses and rates; and it gets better."""
    end = fitted(Conditional, training, validation, tmp_path, steps=240)
    assert found(end) == []
    scores = [row["score"] for row in end.history.rows if "score" in row]
    assert end.score == min(scores) < 0.5 * scores[0]


def test_a_perfect_discriminator_and_a_saturated_loss(training, validation, tmp_path):
    """The minimax generator learns nothing from a discriminator that is three steps ahead."""
    end = fitted(
        FAMILIES.load("dcgan"),
        training,
        validation,
        tmp_path,
        steps=60,
        loss="minimax",
        smoothing=0.0,
        augmentation=(),
        learning_rates={"discriminator": 0.005},
        discriminator_steps=3,
    )
    assert set(found(end)) == {("lost_equilibrium", "warn"), ("vanishing_gradient", "warn")}
    assert end.history.rows[-1]["d_fake"] < 0.01


def test_an_absurd_rate_of_the_discriminator(training, validation, tmp_path):
    """It wins, and its non-saturating generator still has a gradient."""
    end = fitted(
        Conditional,
        training,
        validation,
        tmp_path,
        steps=120,
        r1_gamma=0.0,
        augmentation=(),
        learning_rates={"discriminator": 0.003, "generator": 1e-7},
    )
    assert ("lost_equilibrium", "warn") in found(end)
    assert "vanishing_gradient" not in dict(found(end))


def test_a_learning_rate_of_ten(training, validation, tmp_path):
    """It explodes before anything good was made, at each of three lower rates too."""
    options = {"learning_rate": 10.0, "learning_rates": {}, "steps": 120}
    with pytest.raises(ParameterError, match=r"learning_rate: got 10.0: .* diverged at step \d+,"):
        fitted(Conditional, training, validation, tmp_path, **options)


class Jolted(Conditional):
    """A training that goes well but for a stretch of steps with a gradient of another world."""

    def loss(self, phase, batch, rng):
        """Ten million times what it should be, in the 100th and 101st optimiser step."""
        report = super().loss(phase, batch, rng)
        self.calls = getattr(self, "calls", 0) + 1
        size = 1e7 if 100 <= self.calls < 102 else 1.0
        return replace(report, terms={key: size * term for key, term in report.terms.items()})


def test_an_explosion_is_rolled_back_and_training_goes_on(training, validation, tmp_path):
    """To the look at step 45, and from there to the end at half the rate."""
    end = fitted(Jolted, training, validation, tmp_path, steps=120)
    assert set(found(end)) == {("exploding", "roll_back")}
    assert 50 <= end.history.findings[0].step <= 54
    assert end.history.rows[-1]["step"] == 120
    assert end.history.rows[-1]["loss_discriminator"] < 2.0


class Deaf(Conditional):
    """A generator that ignores its latent."""

    def decode(self, latents, given):
        """Always the same image of a class."""
        return Sampled(self.networks["generator"](torch.zeros_like(latents), given.labels))


def test_a_generator_that_ignores_its_latent(training, validation, tmp_path):
    """Every class is named, and the warning is not repeated."""
    end = fitted(Deaf, training, validation, tmp_path, steps=40)
    assert found(end) == [("mode_collapse", "warn")]
    (finding,) = end.history.findings
    assert "class 0 (0%), class 1 (0%)" in finding.message


def test_two_images_are_copied(validation, tmp_path):
    """One a class, each known by heart before; the discriminator has won by then, or not."""
    images = discs(tmp_path / "two", 2, seed=1)
    options = {"steps": 300, "augmentation": (), "mirror": False}
    end = fitted(Conditional, images, validation, tmp_path, **options)
    seen = set(found(end))
    assert {("overfitting", "warn"), ("copying", "warn")} <= seen
    assert seen <= {("overfitting", "warn"), ("copying", "warn"), ("lost_equilibrium", "warn")}
    assert 0.5 < end.history.rows[-1]["near_training"] <= 1.0


def test_six_images_are_learnt_by_heart(validation, tmp_path):
    """The discriminator knows them before long."""
    images = discs(tmp_path / "six", 6, seed=3)
    options = {"steps": 240, "augmentation": (), "mirror": False}
    end = fitted(Conditional, images, validation, tmp_path, **options)
    assert ("overfitting", "warn") in found(end)
    assert not {"exploding", "mode_collapse"} & set(dict(found(end)))
    assert math.isfinite(end.score)
