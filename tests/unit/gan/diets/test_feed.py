"""Batches: balanced, seeded, and the same from memory and from disk."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import ParameterError
from pipeline.gan.diets import feed as feeding
from pipeline.gan.diets.feed import Feed, mirrored_axes
from pipeline.gan.family import TrainingOptions
from pipeline.imageset import ImageSet, ImageSetWriter, Meta


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Ten images, of which the last one alone is of class b; image k has the value k."""
    root = tmp_path_factory.mktemp("set")
    meta = Meta(("a", "b"), ("CT",), "HU", (0.0, 10.0))
    with ImageSetWriter(root, meta, capacity=10, shape=(1, 8, 8), dtype=np.int16) as writer:
        for number in range(10):
            writer.add(
                np.full((1, 8, 8), number),
                image_id=f"i{number}",
                label="b" if number == 9 else "a",
                patient_id="p0001",
                origin="real",
            )
    return ImageSet.open(root)


def draw(images, balanced, batch=2000):
    """One big batch."""
    feed = Feed(images, images.labels, TrainingOptions(batch=batch, balanced=balanced), "cpu")
    return feed.draw(torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("balanced", "expected"), [(True, 1000), (False, 200)])
def test_classes_come_as_asked(images, balanced, expected):
    """Half of 2000 draws, or one tenth, within five standard deviations (at most 112)."""
    assert draw(images, balanced).labels.sum().item() == pytest.approx(expected, abs=112)


def test_images_are_scaled_and_go_with_their_labels(images):
    """Class b has the value 9, which is 0.8 in a window from 0 to 10."""
    batch = draw(images, balanced=True)
    assert torch.allclose(batch.images[batch.labels == 1], torch.tensor(0.8))
    assert batch.images[batch.labels == 0].max() < 0.7


def test_every_member_of_a_class_is_drawn(images):
    """Balancing leaves nobody out."""
    batch = draw(images, balanced=True)
    assert len(batch.images[batch.labels == 0].flatten(1)[:, 0].unique()) == 9


def test_reads_from_disk_what_does_not_fit(images, monkeypatch):
    """A set too large for memory gives the same batches."""
    held = draw(images, balanced=True, batch=16)
    monkeypatch.setattr(feeding, "IN_MEMORY_BYTES", 10)
    read = draw(images, balanced=True, batch=16)
    assert torch.equal(held.images, read.images)
    assert torch.equal(held.labels, read.labels)


def test_mirrors_each_axis_by_its_own_coin(tmp_path):
    """One image comes in all four orientations, about a quarter of 400 draws each (5 sd = 43)."""
    meta = Meta(("a",), ("CT",), "HU", (-1.0, 1.0))
    image = np.zeros((1, 8, 8), np.float32)
    image[0, 0, 0] = 1.0
    with ImageSetWriter(tmp_path, meta, capacity=1, shape=(1, 8, 8), dtype=np.float32) as writer:
        writer.add(image, image_id="i", label="a", patient_id="p", origin="real")
    labels = np.zeros(1, np.int64)
    options = TrainingOptions(batch=400, balanced=False, mirror=True)
    feed = Feed(ImageSet.open(tmp_path), labels, options, "cpu")
    drawn = feed.draw(torch.Generator().manual_seed(0)).images
    for corner in (drawn[:, 0, x, y] for x in (0, -1) for y in (0, -1)):
        assert corner.sum().item() == pytest.approx(100, abs=43)


def test_mirrors_along_chosen_axes_alone(tmp_path):
    """With axis 1 named, a corner goes left and right, and never down."""
    meta = Meta(("a",), ("CT",), "HU", (-1.0, 1.0))
    image = np.zeros((1, 8, 8), np.float32)
    image[0, 0, 0] = 1.0
    with ImageSetWriter(tmp_path, meta, capacity=1, shape=(1, 8, 8), dtype=np.float32) as writer:
        writer.add(image, image_id="i", label="a", patient_id="p", origin="real")
    options = TrainingOptions(batch=100, mirror=(1,))
    feed = Feed(ImageSet.open(tmp_path), np.zeros(1, np.int64), options, "cpu")
    drawn = feed.draw(torch.Generator().manual_seed(0)).images
    assert drawn[:, 0, -1].sum().item() == 0
    assert 20 < drawn[:, 0, 0, -1].sum().item() < 80
    with pytest.raises(ParameterError, match=r"mirror: got \[2\]; the images' spatial axes are"):
        mirrored_axes((2,), 2)


def marked(directory, size):
    """A set of one image that is zero but for its first corner, with the same mask."""
    meta = Meta(("a",), ("CT",), "HU", (-1.0, 1.0))
    image = np.zeros((1, *size), np.float32)
    image[(0,) * image.ndim] = 1.0
    mask = image.astype(np.uint8)
    with ImageSetWriter(
        directory, meta, capacity=1, shape=image.shape, dtype=np.float32, masks=True
    ) as writer:
        writer.add(image, image_id="i", label="a", patient_id="p", origin="real", mask=mask)
    return ImageSet.open(directory)


@pytest.mark.parametrize(
    ("size", "corners"), [((8, 8), 4), ((8, 6), 1), ((6, 6, 6), 8), ((6, 6, 4), 4)]
)
def test_turns_in_planes_whose_axes_are_equally_long(tmp_path, size, corners):
    """A corner comes to all corners that turns take it to, and its mask goes with it."""
    feed = Feed(marked(tmp_path, size), np.zeros(1, np.int64), TrainingOptions(turn=True), "cpu")
    pick = feed.pick(torch.Generator().manual_seed(0), 400)
    images = feed.images(pick)
    assert images.shape == (400, 1, *size)
    assert torch.equal(images > 0, feed.masks(pick) > 0)
    places = {tuple(each.nonzero()[0].tolist()) for each in images > 0}
    assert len(places) == corners
    assert all(
        at in (0, long - 1) for place in places for at, long in zip(place[1:], size, strict=True)
    )


def test_turns_without_mirroring_keep_handedness(tmp_path):
    """Four orientations, about a quarter of 400 draws each (5 sd = 43), none of them mirrored."""
    meta = Meta(("a",), ("CT",), "HU", (-1.0, 1.0))
    image = np.arange(16, dtype=np.float32).reshape(1, 4, 4) / 16
    with ImageSetWriter(tmp_path, meta, capacity=1, shape=(1, 4, 4), dtype=np.float32) as writer:
        writer.add(image, image_id="i", label="a", patient_id="p", origin="real")
    options = TrainingOptions(batch=400, balanced=False, turn=True)
    feed = Feed(ImageSet.open(tmp_path), np.zeros(1, np.int64), options, "cpu")
    drawn = feed.draw(torch.Generator().manual_seed(0)).images
    upright = torch.from_numpy(image)
    for quarters in range(4):
        turned = torch.rot90(upright, quarters, (1, 2))
        same = (drawn == turned).flatten(1).all(1).sum().item()
        assert same == pytest.approx(100, abs=43)
