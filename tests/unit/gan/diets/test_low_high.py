"""What super-resolution eats: reduced versions, of copies where there are any."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.gan.diets.low_high import LowHigh, LowHighOptions
from pipeline.imageset import ImageSet, ImageSetWriter, Meta

CLASSES = ("copied", "bare")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two real images of each class, of greys 1 to 4; greys 11 and 12 are copies of the first two.

    Images of the class `bare` are white in their first rows.
    """
    root = tmp_path_factory.mktemp("set")
    meta = Meta(CLASSES, ("CT",), "HU", (0.0, 20.0))
    with ImageSetWriter(root, meta, capacity=6, shape=(1, 9, 8), dtype=np.int16) as writer:
        for grey in (1, 2, 3, 4, 11, 12):
            image = np.full((1, 9, 8), grey)
            if grey in (3, 4):
                image[:, :4] = 20
            writer.add(
                image,
                image_id=f"i{grey}",
                label=CLASSES[grey in (3, 4)],
                patient_id="p",
                origin="classical" if grey > 10 else "real",
                parent_ids=(f"i{grey - 10}",) if grey > 10 else (),
            )
    return ImageSet.open(root)


def diet(images, **options):
    """With batches of 32, reduced by 2 unless told otherwise."""
    chosen = LowHighOptions(**{"batch": 32, "factor": 2, **options})
    return LowHigh(images, images.labels, chosen, "cpu")


def greys(values):
    """The greys of images, or of their last rows, in the unit of the scans."""
    return {round(10.0 * (value + 1.0)) for value in values[..., -1, -1].flatten().tolist()}


def test_offers_copies_and_names_the_real_image(images):
    """What is given is a reduced copy, shown in blocks at full size; its parent is real."""
    for seed in range(8):
        offer = diet(images).offer(0, torch.Generator().manual_seed(seed))
        low = offer.given.extra["low"]
        assert low.shape == (1, 1, 5, 4)
        assert offer.given.images.shape == (1, 1, 9, 8)
        assert torch.equal(offer.given.images[..., ::2, ::2], low)
        (grey,) = greys(low)
        assert offer.parents == (f"i{grey - 10}",)


@pytest.mark.parametrize("mirror", [True, False])
def test_mirrors_real_images_where_there_are_no_copies(images, mirror):
    """A class without copies comes from its real images, either side up, whatever `mirror` says."""
    chosen = diet(images, mirror=mirror)
    offers = [chosen.offer(1, torch.Generator().manual_seed(seed)) for seed in range(40)]
    assert {offer.parents for offer in offers} == {("i3",), ("i4",)}
    assert {offer.given.labels.item() for offer in offers} == {1}
    tops = {bool(offer.given.extra["low"][0, 0, 0, 0] > 0.9) for offer in offers}
    assert tops == {True, False}


@pytest.mark.parametrize(("real_targets", "greatest"), [(True, 4), (False, 12)])
def test_learns_from_copies_only_where_told_to(images, real_targets, greatest):
    """A batch pairs images with their own reductions; interpolated copies are left out."""
    batch = diet(images, real_targets=real_targets, mirror=False).draw(torch.Generator())
    flat = batch.images[batch.labels == 0]
    assert torch.allclose(
        batch.extra["low"][batch.labels == 0][..., 0, 0], flat[..., 0, 0], atol=1e-5
    )
    assert max(greys(batch.images)) == greatest


def test_reduces_as_told(images):
    """By 4, an axis of 9 becomes 3, and nothing leaves the range of an image."""
    low = diet(images, factor=4).draw(torch.Generator()).extra["low"]
    assert low.shape[2:] == (3, 2)
    assert low.abs().max() <= 1.0
