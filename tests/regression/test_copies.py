"""A GAN made to memorise 50 images is caught as copying; one trained as usual is not.

The GAN that memorises is the family `conditional` told whose image each is (50 classes of one image
each), without augmentation or mirroring, and sampled with next to no chance in its latents: a
generator with as many inputs as images, trained against a discriminator that knows them all.
The others are fresh images of the same source, and the family `dcgan` with its own options.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.compute import Machine, prepare
from pipeline.config import Augment
from pipeline.gan import fitting
from pipeline.gan.sampling import images_of, sample
from pipeline.privacy import copies
from pipeline.privacy.spaces import Part
from tests.phantoms import phantoms

SIZE = (16, 16)
RULE = copies.Rule(false_alarm=0.01, overall_alarm=0.05, shift=2)
BY_HEART = {
    "steps": 1000,
    "examinations": 0,
    "augmentation": (),
    "mirror": False,
    "ema": 0.98,
    "embedding": 64,
    "truncation": 0.01,
}


def part(images, name):
    """Real or generated images of as many patients, or a set's own."""
    if isinstance(images, np.ndarray):
        ids = np.asarray([f"{name}{number}" for number in range(len(images))])
        return Part(ids, ids, torch.from_numpy(images), {})
    ids, groups = (images.manifest[column].to_numpy(str) for column in ("image_id", "patient_id"))
    return Part(ids, groups, torch.from_numpy(images.scaled()), {})


def generated(family, training, validation, values, labels, directory):
    """Train a family on a set and sample one image for each label."""
    options = fitting.options_for(family, values, Augment())
    own = "metastasis" if family == "dcgan" else None
    plan = fitting.Plan(family, options, own, family, 0)
    rows = fitting.rows_of(plan, training, Machine())
    directory.mkdir()
    trained = fitting.fit(
        plan, rows, training, validation, Machine(), directory, lambda *_, **__: None
    )
    seeds = list(range(len(labels)))
    return images_of(sample(trained.family, rows.diet, labels, seeds, Machine()))


def judged(training, held_out, made):
    """What is found of images made after training images."""
    unseen = part(held_out, "h")
    spaces = copies.compare(part(training, "t"), unseen, part(made, "g"), RULE)
    return copies.judge(spaces, unseen.groups, RULE)


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Phantoms: training, held-out and validation images, each of other patients."""
    prepare(Machine())
    root = tmp_path_factory.mktemp("phantoms")
    counts = {"train": 50, "held_out": 120, "validation": 8, "fresh": 100}
    return {
        name: phantoms(root / name, count, seed=seed, size=SIZE)
        for seed, (name, count) in enumerate(counts.items())
    }


def test_a_gan_that_memorised_its_images_is_caught(scans, tmp_path):
    """Two images of each of the 50: copies are found, many of them."""
    names = tuple(f"patient-{number:02d}" for number in range(50))
    training = scans["train"].relabelled(names, names)
    nobody = scans["validation"].take(np.arange(0)).relabelled((), names)
    labels = [number % 50 for number in range(100)]
    made = generated("conditional", training, nobody, BY_HEART, labels, tmp_path / "work")
    found = judged(scans["train"], scans["held_out"], made)
    assert found["copying"] is True
    assert found["p"] < 0.001
    assert max(space["share"]["value"] for space in found["spaces"].values()) > 0.25


def test_fresh_images_and_an_ordinary_gan_are_not(scans, tmp_path):
    """Neither further images of the source nor a GAN trained as usual on 120 of them."""
    fresh = scans["fresh"].scaled()
    assert judged(scans["train"], scans["held_out"], fresh)["copying"] is False
    made = generated(
        "dcgan", scans["held_out"], scans["validation"], {"steps": 150, "examinations": 0},
        [0] * 100, tmp_path / "work",
    )  # fmt: skip
    assert judged(scans["held_out"], scans["fresh"], made)["copying"] is False
