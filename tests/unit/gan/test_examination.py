"""What a look at a half-trained model tells, on models whose samples are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.compute import Machine
from pipeline.gan.diets.diet import Offer
from pipeline.gan.examination import Examiner, Kind
from pipeline.gan.family import Batch, Sampled
from tests.labelled_noise import labelled_noise

COUNT = 40
MEANS = (-0.3, 0.3)  # of the images of labelled_noise, whose noise has a spread of 0.4


class Labels:
    """A diet that offers the class alone."""

    def offer(self, label, rng):
        """The class index."""
        return Offer(Batch(torch.tensor([label])))


class Noise:
    """Makes independent noise about a mean for each class."""

    def __init__(self, means=MEANS, spread=0.4):
        self.means, self.spread = means, spread

    def sample(self, given, rngs):
        """Each image from its own generator."""
        images = [
            self.means[label] + self.spread * torch.randn(1, 8, 8, generator=rng)
            for label, rng in zip(given.labels.tolist(), rngs, strict=True)
        ]
        return Sampled(torch.stack(images).clamp(-1.0, 1.0))


class Copies(Noise):
    """Gives back training images of the class."""

    def __init__(self, train):
        self.rows = {label: train.scaled(train.labels == label) for label in (0, 1)}

    def sample(self, given, rngs):
        """A random one for each generator."""
        chosen = [
            self.rows[label][int(torch.randint(len(self.rows[label]), (1,), generator=rng))]
            for label, rng in zip(given.labels.tolist(), rngs, strict=True)
        ]
        return Sampled(torch.from_numpy(np.stack(chosen)))


class Remembers(Noise):
    """Has a discriminator that knows some images by heart, and has no opinion about others."""

    def __init__(self, known):
        super().__init__()
        self.known = known

    def judge(self, batch):
        """Sure of what it has seen."""
        return torch.tensor(
            [5.0 * (image.numpy().tobytes() in self.known) for image in batch.images]
        )


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Training and validation rows of two classes, one after the other, of the same kind."""
    root = tmp_path_factory.mktemp("parts")
    labels = [0, 1] * COUNT
    return labelled_noise(root / "train", labels), labelled_noise(root / "val", labels, seed=1)


def examiner(parts, held=COUNT):
    """Compares pixels; the validation rows are the first of each class."""
    train, validation = parts
    kinds = [
        Kind(
            label,
            train.take(train.labels == label),
            validation.take(np.flatnonzero(validation.labels == label)[:held]),
        )
        for label in (0, 1)
    ]

    def pixels(images):
        return images.reshape(len(images), -1).astype(np.float64)

    return Examiner(kinds, Labels(), pixels, Machine(), 3)


def test_a_good_model_looks_like_the_real_images(parts):
    """As diverse as training rows, no nearer to them than chance allows, and a score about 0."""
    found = examiner(parts)(Noise())
    for label in (0, 1):
        assert found[f"diversity_{label}"] == pytest.approx(1.0, abs=0.05)
    assert found["near_training"] <= found["near_training_limit"]
    assert found["score"] == pytest.approx(0.0, abs=0.02)


def test_score_falls_as_samples_get_better(parts):
    """Nearer means, lower scores."""
    look = examiner(parts)
    scores = [look(Noise((MEANS[0] + away, MEANS[1])))["score"] for away in (0.9, 0.6, 0.3, 0.0)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 10 * abs(scores[-1])


def test_a_model_that_copies_is_near_its_training_rows(parts):
    """Every sample is at distance 0 of a training row, which no validation row is."""
    found = examiner(parts)(Copies(parts[0]))
    assert found["near_training"] == 1.0
    assert found["near_training"] > found["near_training_limit"]


def test_a_model_that_makes_one_image_has_no_diversity(parts):
    """Collapse of one class shows in that class alone."""

    class Stuck(Noise):
        def sample(self, given, rngs):
            images = super().sample(given, rngs).images
            images[given.labels == 1] = 0.5
            return Sampled(images)

    found = examiner(parts)(Stuck())
    assert found["diversity_1"] == pytest.approx(0.0, abs=1e-6)
    assert found["diversity_0"] > 0.9


def test_classes_are_scored_apart_where_there_are_rows_enough(parts):
    """Classes made in each other's place look right only when they are pooled, as few rows are."""
    swapped, right = Noise(MEANS[::-1]), Noise()
    apart, pooled = examiner(parts), examiner(parts, held=4)
    assert apart(swapped)["score"] > 0.1
    assert pooled(swapped)["score"] == pytest.approx(pooled(right)["score"], abs=0.05)


@pytest.mark.parametrize(("held", "expected"), [(3, False), (4, True)])
def test_too_few_rows_give_no_score(parts, held, expected):
    """Eight validation rows are the fewest; neighbours ask for twenty."""
    look = examiner(parts, held=held)
    found = look(Noise())
    assert look.scores is expected
    assert ("score" in found) is expected
    assert "near_training" not in found


def test_every_look_is_at_the_same_seeds(parts):
    """What changes between two looks is the model."""
    look = examiner(parts)
    assert look(Noise()) == look(Noise())


def test_a_discriminator_is_asked_what_it_knows_by_heart(parts):
    """Sure of every training row: it prefers them always; without an opinion, half the time."""
    known = {image.tobytes() for image in parts[0].scaled()}
    found = examiner(parts)(Remembers(known))
    assert found["d_memory"] == 1.0
    assert found["d_train"] > 0.99
    assert found["d_validation"] == 0.5
    assert examiner(parts)(Remembers(set()))["d_memory"] == 0.5
    assert "d_memory" not in examiner(parts)(Noise())
