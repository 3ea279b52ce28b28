"""Scans with their lesion cut out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import ParameterError
from pipeline.gan.diets.holes import Holes
from pipeline.gan.families.inpainting import InpaintingOptions
from pipeline.imageset import ImageSet, ImageSetWriter, Meta

CLASSES = ("normal", "lesion")
SIDE = 16


def write(root, lesions=True, masks=True):
    """Ten images of distinct pixels; the odd ones, of class lesion, have a lesion."""
    meta = Meta(CLASSES, ("CT",), "HU", (0.0, 4000.0))
    rng = np.random.default_rng(0)
    shape = (1, SIDE, SIDE)
    with ImageSetWriter(
        root, meta, capacity=10, shape=shape, dtype=np.int16, masks=masks
    ) as writer:
        for number in range(10):
            mask = np.zeros(shape, np.uint8)
            if number % 2 and lesions:
                mask[0, 3:8, 2 + number // 2 : 7 + number // 2] = 1
            writer.add(
                rng.integers(0, 4000, shape),
                image_id=f"i{number}",
                label=CLASSES[number % 2],
                patient_id=f"p{number}",
                origin="real",
                mask=mask if masks else None,
            )
    return ImageSet.open(root)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The set."""
    return write(tmp_path_factory.mktemp("set"))


def diet(images, **options):
    """The diet of large batches."""
    return Holes(images, images.labels, InpaintingOptions(batch=64, **options), "cpu")


@pytest.mark.parametrize("hole", ["ball", "box"])
def test_holes_cover_lesions_in_every_batch(images, hole):
    """Each row has a hole, mirrored or not, and none of its lesion lies outside."""
    batch = diet(images, hole=hole, mirror=True).draw(torch.Generator().manual_seed(0))
    holes = batch.extra["holes"]
    assert (holes >= batch.masks).all()
    assert holes.flatten(1).any(1).all()
    assert set(holes.unique().tolist()) == {0.0, 1.0}


def test_rows_without_a_lesion_get_holes_as_large_as_others(images):
    """Of class normal, holes have a size that occurs among those of class lesion."""
    batch = diet(images, hole="box", margin=1, mirror=False).draw(torch.Generator().manual_seed(0))
    sizes = batch.extra["holes"].flatten(1).sum(1)
    assert set(sizes[batch.labels == 0].tolist()) <= set(sizes[batch.labels == 1].tolist()) == {49}


def test_offers_are_real_scans_without_their_lesion(images):
    """Outside the hole an offered scan is its parent's, to the bit; inside it is blank.

    Scans of either class are offered to be filled with the one that is asked for.
    """
    parents = set()
    for seed in range(12):
        offer = diet(images, mirror=False).offer(1, torch.Generator().manual_seed(seed))
        (parent,) = offer.parents
        row = list(images.manifest["image_id"]).index(parent)
        hole = offer.given.extra["holes"].numpy() > 0
        assert np.array_equal(offer.given.images.numpy()[~hole], images.scaled([row])[~hole])
        assert (offer.given.images.numpy()[hole] == 0).all()
        assert not (images.masks([row])[~hole]).any()
        assert offer.given.labels.tolist() == [1]
        parents.add(parent)
    assert {int(parent[1:]) % 2 for parent in parents} == {0, 1}


@pytest.mark.parametrize(
    ("kind", "message"),
    [({"masks": False}, "these images lack"), ({"lesions": False}, "is empty")],
)
def test_sets_without_lesions_are_refused(kind, message, tmp_path):
    """No masks at all, and masks of nothing: the message names the family and the way out."""
    with pytest.raises(ParameterError, match=rf"inpainting .*{message}.*take inpainting out"):
        diet(write(tmp_path, **kind))
