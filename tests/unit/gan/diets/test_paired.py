"""Masks on offer: taken, warped or drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import ParameterError
from pipeline.gan.diets.paired import Paired
from pipeline.gan.families.pix2pix import Pix2pixOptions
from pipeline.imageset import ImageSet, ImageSetWriter, Meta

CLASSES = ("a", "b")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Eight images; those of class b, the odd ones, have larger lesions. The last is a copy."""
    return write(tmp_path_factory.mktemp("set"))


def write(root, masks=True):
    """Write them, lesions brighter than the rest."""
    meta = Meta(CLASSES, ("CT",), "HU", (0.0, 10.0))
    with ImageSetWriter(
        root, meta, capacity=8, shape=(1, 16, 16), dtype=np.int16, masks=masks
    ) as writer:
        for number in range(8):
            side = 4 + 4 * (number % 2)
            mask = np.zeros((1, 16, 16), np.uint8)
            mask[0, 2 : 2 + side, 3 : 3 + side + number // 4] = 1
            writer.add(
                1 + 5 * mask.astype(np.int16),
                image_id=f"i{number}",
                label=CLASSES[number % 2],
                patient_id=f"p{number}",
                origin="real" if number < 7 else "classical",
                parent_ids=() if number < 7 else ("i1",),
                mask=mask if masks else None,
            )
    return ImageSet.open(root)


def diet(images, **options):
    """The diet of small batches."""
    return Paired(images, images.labels, Pix2pixOptions(batch=6, **options), "cpu")


def offers(paired, label, count=10):
    """Some offers of one class."""
    return [paired.offer(label, torch.Generator().manual_seed(seed)) for seed in range(count)]


def test_masks_go_with_their_images(images):
    """In a mirrored batch, too, the lesion's mask lies on the lesion."""
    batch = diet(images, mirror=True).draw(torch.Generator().manual_seed(0))
    assert torch.allclose(batch.images, batch.masks - 0.8)


def test_taken_masks_are_training_masks_of_the_class(images):
    """Every offered mask is one of its parent's, and the parent is of the class, and real."""
    for label in (0, 1):
        for offer in offers(diet(images, masks="taken", mirror=False), label):
            (parent,) = offer.parents
            own = np.flatnonzero(images.labels == label)
            same = [i for i in own if np.array_equal(images.masks([i]), offer.given.masks)]
            named = {images.manifest["image_id"][i] for i in same}
            assert parent in named | ({"i1"} if 7 in same else set())
            assert offer.given.labels.tolist() == [label]


def test_warped_masks_differ_from_all_training_masks(images):
    """They still have a parent, since they follow its outline."""
    for offer in offers(diet(images, masks="warped", warp=1.0, mirror=False), 1):
        assert len(offer.parents) == 1
        assert not any(np.array_equal(images.masks([i]), offer.given.masks) for i in range(8))


def test_drawn_masks_have_no_parent_and_the_class_size(images):
    """Class b's lesions are four times as large as class a's, and so are the drawn ones."""
    drawn = [offers(diet(images, masks="drawn"), label) for label in (0, 1)]
    assert all(offer.parents == () for each in drawn for offer in each)
    small, large = (
        float(torch.stack([offer.given.masks.sum() for offer in each]).median()) for each in drawn
    )
    assert 2 < large / small < 6


def test_sets_without_masks_are_refused(tmp_path):
    """The message names the family and the way out."""
    with pytest.raises(ParameterError, match=r"pix2pix learns from masks.*take pix2pix out"):
        diet(write(tmp_path, masks=False))
