"""Two domains: the own class's real images, and the others' with their copies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import ParameterError
from pipeline.gan.diets.unpaired import SOURCES, Unpaired, UnpairedOptions
from pipeline.imageset import ImageSet, ImageSetWriter, Meta

# Class, and the real image that the image is a copy of. Image k has the value k, but one corner.
ROWS = [("a", None), ("a", 0), ("b", None), ("b", 2), ("c", None), ("b", 2), ("b", 2)]
OWN = np.array([label == "a" for label, _ in ROWS]).astype(np.int64)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Seven images of three classes, four of them classical copies."""
    root = tmp_path_factory.mktemp("set")
    meta = Meta(("a", "b", "c"), ("CT",), "HU", (0.0, 10.0))
    with ImageSetWriter(root, meta, capacity=len(ROWS), shape=(1, 8, 8), dtype=np.int16) as writer:
        for number, (label, parent) in enumerate(ROWS):
            values = np.full((1, 8, 8), number)
            values[0, 0, 0] = 10
            writer.add(
                values,
                image_id=f"i{number}",
                label=label,
                patient_id="p0001",
                origin="real" if parent is None else "classical",
                parent_ids=() if parent is None else (f"i{parent}",),
            )
    return ImageSet.open(root)


def diet(images, **chosen):
    """The diet of the model of class a."""
    return Unpaired(images, OWN, UnpairedOptions(**{"batch": 400, **chosen}), "cpu")


def numbers(pixels):
    """Which image each of (N, 1, 8, 8) is, from its middle."""
    return (5 * pixels[:, 0, 4, 4] + 5).round().int()


def rng(seed=0):
    """A fresh generator."""
    return torch.Generator().manual_seed(seed)


def test_domains_are_the_own_real_images_and_the_others_with_copies(images):
    """Of seven rows one is to be learnt from, and five are to be translated."""
    batch = diet(images).draw(rng())
    assert set(numbers(batch.images).tolist()) == {0}
    assert set(numbers(batch.extra[SOURCES]).tolist()) == {2, 3, 4, 5, 6}
    assert batch.labels.tolist() == [0] * 400


def test_learns_from_copies_where_asked(images):
    """The own class's copy is then a target as well."""
    batch = diet(images, copied_targets=True).draw(rng())
    assert set(numbers(batch.images).tolist()) == {0, 1}


@pytest.mark.parametrize(("balanced", "expected"), [(True, 200), (False, 80)])
def test_other_classes_come_equally_often_where_balanced(images, balanced, expected):
    """Of 400 sources half, or one in five, is the one of class c: within five deviations (50)."""
    sources = numbers(diet(images, balanced=balanced).draw(rng()).extra[SOURCES])
    assert (sources == 4).sum().item() == pytest.approx(expected, abs=50)


def test_offers_an_image_of_another_class_and_names_the_real_one(images):
    """A copy's parent is the real image that it was made from."""
    own = diet(images)
    offers = [own.offer(0, rng(seed)) for seed in range(40)]
    parents = {2: ("i2",), 3: ("i2",), 4: ("i4",), 5: ("i2",), 6: ("i2",)}
    seen = [int(numbers(offer.given.images)) for offer in offers]
    assert set(seen) == set(parents)
    assert [offer.parents for offer in offers] == [parents[number] for number in seen]
    assert all(offer.given.labels.tolist() == [0] for offer in offers)


def test_offers_sources_in_every_orientation_where_mirrored(images):
    """The bright corner is found in each of the four places."""
    own = diet(images, mirror=True)
    pixels = torch.cat([own.offer(0, rng(seed)).given.images for seed in range(40)])
    corners = pixels[:, 0, [0, 0, 7, 7], [0, 7, 0, 7]]
    assert set(corners.argmax(1).tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize("labels", [np.ones(7, np.int64), np.zeros(7, np.int64)])
def test_needs_two_classes(images, labels):
    """With nothing to translate, or nothing to learn from, the message says what to do."""
    with pytest.raises(ParameterError, match="at least two classes"):
        Unpaired(images, labels, UnpairedOptions(), "cpu")
