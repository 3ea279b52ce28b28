"""Planted bad images are refused, fresh ones are kept, and variety survives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.compute import Machine
from pipeline.config import Augment, Selection
from pipeline.errors import DataError
from pipeline.fidelity.distances import pairwise
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.selection.criterion import PASS, Ground
from pipeline.selection.selector import Selector, learn
from pipeline.selection.summary import Judged, summarise

META = Meta(("bright", "dark"), ("CT",), "HU", (-100.0, 200.0), positive_class="dark")
EACH = 20


def blob(label: int, rng: np.random.Generator) -> np.ndarray:
    """A noisy disc, brighter or darker than its ground, of varying place and size."""
    grid = np.stack(np.meshgrid(np.arange(16), np.arange(16)))
    centre, radius = rng.uniform(5, 11, (2, 1, 1)), rng.uniform(2, 5)
    disc = np.hypot(*(grid - centre)) < radius
    return 50 + disc[None] * (45.0 if label == 0 else -45.0) + rng.normal(0, 25, (1, 16, 16))


def blobs(count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Images of alternating classes."""
    return [blob(index % 2, rng) for index in range(count)]


def written(
    root: Path,
    images: list[np.ndarray],
    labels: list[int] | None = None,
    shape: tuple[int, ...] = (1, 16, 16),
) -> ImageSet:
    """Images as an ImageSet, of alternating classes by default."""
    meta = replace(META, channels=("red", "green", "blue")[: shape[0]])
    with ImageSetWriter(root, meta, capacity=len(images), shape=shape, dtype="i2") as writer:
        for index, image in enumerate(images):
            label = index % 2 if labels is None else labels[index]
            writer.add(
                np.rint(image),
                image_id=f"i{index:04d}",
                label=META.classes[label],
                patient_id=f"p{index:04d}",
                origin="real",
            )
    return ImageSet.open(root)


def fitted(training: ImageSet, validation: ImageSet, **options) -> Selector:
    """A selector by rows that are a patient each."""
    return Selector.fit(learned(training, validation, **options))


def learned(training: ImageSet, validation: ImageSet, **options) -> Ground:
    """What the criteria are fitted on."""
    return learn(
        training,
        validation,
        training.manifest["patient_id"].to_numpy(),
        Selection(**options),
        steps=30,
        seed=1,
        machine=Machine(),
        augment=Augment(),
    )


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Training and validation rows, and planted images of every kind, twenty each."""
    root = tmp_path_factory.mktemp("scene")
    rng = np.random.default_rng(0)
    real = blobs(60, rng)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        training = written(root / "train", real)
        validation = written(root / "val", blobs(20, rng))
        ground = learned(training, validation)
        selector = Selector.fit(ground)
        planted = {
            "fresh": (blobs(EACH, rng), None),
            "noise": ([rng.normal(50, 60, (1, 16, 16)) for _ in range(EACH)], None),
            "wrong class": (real[:EACH], [(index + 1) % 2 for index in range(EACH)]),
            "copies": (real[:EACH], None),
            "flipped": ([image[:, ::-1] for image in real[:EACH]], None),
            "noisy copies": (
                [image + rng.normal(0, 8, image.shape) for image in real[:EACH]],
                None,
            ),
        }
        sets = {name: written(root / name, *given) for name, given in planted.items()}
        judged = {name: selector.judge(images, lambda _: None) for name, images in sets.items()}
    return selector, judged, (root, training, validation), ground


def passed(judged, name):
    """Share of a kind's images that pass every criterion."""
    return (judged[name].score >= PASS).mean()


def refused(judged, name):
    """Share of a kind's images that are taken for copies."""
    return (judged[name].score == 0).mean()


def test_noise_and_wrong_classes_fail(scene):
    """All noise, and all training images of the other class."""
    assert passed(scene[1], "noise") == 0
    assert passed(scene[1], "wrong class") == 0


@pytest.mark.parametrize("kind", ["copies", "flipped", "noisy copies"])
def test_copies_are_refused(scene, kind):
    """All exact and mirrored ones, and most of those with half the noise of an image on top."""
    assert refused(scene[1], kind) >= (0.7 if kind == "noisy copies" else 1.0)


def test_fresh_images_mostly_pass(scene):
    """Half at least, and few are taken for copies.

    The network knows the training rows, and rows that it does not know look less real to it: about
    two thirds pass. Of 20 with two thirds expected, fewer than 10 come once in 26 draws; of 20 with
    at most five per cent expected, 4 or more are refused once in 60; and the seed is fixed.
    """
    assert passed(scene[1], "fresh") >= 0.5
    assert refused(scene[1], "fresh") <= 3 / EACH


def test_an_image_is_as_good_as_the_worst_criterion_says(scene):
    """The score is the least of the criteria, and lies between none and all."""
    for judged in scene[1].values():
        least = np.min(list(judged.scores.values()), axis=0)
        assert np.abs(judged.score - least).max() <= 0.5e-4
        assert judged.score.min() >= 0
        assert judged.score.max() <= 1


def test_half_of_a_mixture_is_its_good_half(scene):
    """Fresh images among as much noise: hardly any noise is chosen, and of each class half."""
    selector, judged, *_ = scene
    both = joined(judged["fresh"], judged["noise"])
    chosen = selector.choose(both)
    assert chosen.sum() == EACH
    assert chosen[:EACH].mean() >= 0.9
    for label in (0, 1):
        assert chosen[both.labels == label].sum() == EACH // 2


def test_variety_does_not_shrink(scene):
    """Half of the fresh images covers the training rows as well as any half does.

    Chosen by score alone, what is most ordinary is chosen, which lies closer together.
    """
    selector, judged, *_ = scene
    fresh = judged["fresh"]
    half = selector.choose(fresh)
    texture = fresh.features["texture"]
    best = np.zeros(EACH, bool)
    best[np.argsort(-fresh.score, kind="stable")[: half.sum()]] = True
    assert pairwise(texture[half], texture[half]).mean() >= (
        pairwise(texture[best], texture[best]).mean()
    )


def test_scores_do_not_depend_on_which_other_images_there_are(scene):
    """The same bits, whether an image is judged among twenty or among three."""
    selector, judged, (root, _, _), _ = scene
    few = ImageSet.open(root / "fresh").take([4, 9, 16])
    again = selector.judge(few, lambda _: None)
    for name, scores in again.scores.items():
        assert np.array_equal(scores, judged["fresh"].scores[name][[4, 9, 16]])


def test_the_summary_counts(scene):
    """Images, selected and failed by class, and variety before and after."""
    selector, judged, _, ground = scene
    mixed = joined(judged["fresh"], judged["copies"])
    summary = summarise(ground, mixed, selector.choose(mixed))
    assert set(summary) == {"bright", "dark"}
    for found in summary.values():
        assert found["images"] == EACH
        assert found["refused"] >= EACH // 2
        assert found["failed"]["copies"] == found["refused"]
        assert found["selected"] <= EACH // 2
        assert set(found["variety"]) == {"embedding", "texture"}
        assert 0 <= found["variety"]["texture"]["recall_selected"] <= 1


def test_criteria_can_be_switched_off(scene, monkeypatch):
    """Without any, everything scores one; with copies alone, nothing else is looked at."""
    root, training, validation = scene[2]
    monkeypatch.setenv("DVC_ROOT", str(root))
    noise = ImageSet.open(root / "noise").take([0, 1])
    copies = ImageSet.open(root / "copies").take([0, 1])
    selector = fitted(training, validation, criteria=())
    assert selector.judge(noise, lambda _: None).score.tolist() == [1.0, 1.0]
    selector = fitted(training, validation, criteria=("copies",))
    assert selector.judge(noise, lambda _: None).score.tolist() == [1.0, 1.0]
    assert selector.judge(copies, lambda _: None).score.tolist() == [0.0, 0.0]


def test_one_row_is_nothing_to_judge_by(scene):
    """The set is named."""
    _, training, validation = scene[2]
    with pytest.raises(DataError, match="too few training rows"):
        fitted(training.take([0]), validation)


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 8, 8, 8)], ids=["colour", "volume"])
def test_colour_and_volumes_are_judged_alike(shape, tmp_path, monkeypatch):
    """Copies, turned about any axis, are refused; noise does not pass."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    rng = np.random.default_rng(1)
    levels = np.linspace(0, 100, 12).reshape(-1, *[1] * len(shape))
    real = list(np.clip(levels + rng.normal(0, 3, (12, *shape)).cumsum(-1), -100, 200))
    mirrored = [np.flip(image, axis=tuple(range(1, len(shape)))) for image in real]
    training = written(tmp_path / "train", real, shape=shape)
    noise = written(tmp_path / "noise", [rng.uniform(-100, 200, shape)] * 4, shape=shape)
    selector = fitted(training, training)
    judged = selector.judge(written(tmp_path / "mirrored", mirrored, shape=shape), lambda _: None)
    assert (judged.score == 0).all()
    judged = selector.judge(noise, lambda _: None)
    assert (judged.scores["realism"] < PASS).all()
    assert (judged.scores["copies"] == 1).all()


def joined(first: Judged, second: Judged) -> Judged:
    """Two lots of images as one."""
    return Judged(
        {name: np.r_[scores, second.scores[name]] for name, scores in first.scores.items()},
        {name: np.r_[found, second.features[name]] for name, found in first.features.items()},
        np.r_[first.labels, second.labels],
    )
