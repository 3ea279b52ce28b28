"""Growing training sets: nested, classes in proportion, every image drawn equally often."""

from itertools import pairwise

import numpy as np
import pytest

from pipeline.arms.growing import grown, nested_order
from pipeline.classifier.batches import TrainingDiet, batches
from pipeline.data import Pool
from tests.labelled_noise import labelled_noise


def order(labels, shares, seed=0):
    """An order of images by their labels."""
    return nested_order(labels, shares, rng=np.random.default_rng(seed))


def test_every_beginning_holds_the_classes_in_proportion():
    """Of 600 in shares of 1/2, 1/3 and 1/6, any beginning is within one image of them."""
    labels = np.repeat([0, 1, 2], [300, 200, 100])
    shares = np.array([3, 2, 1]) / 6
    found = order(labels, shares)
    assert sorted(found) == list(range(600))
    counts = np.cumsum(np.eye(3)[labels[found]], axis=0)
    assert np.abs(counts - np.arange(1, 601)[:, None] * shares).max() <= 1


def test_it_ends_where_a_class_runs_out():
    """Thirty of a class that is to be half allow sixty; a class without share is left out."""
    labels = np.repeat([0, 1, 2], [30, 500, 40])
    found = order(labels, [1, 1, 0])
    assert len(found) == 60
    assert np.bincount(labels[found], minlength=3).tolist() == [30, 30, 0]


def test_a_class_without_images_leaves_none():
    """No proportion can be kept."""
    assert len(order([0, 0, 0], [0.5, 0.5])) == 0


def test_it_is_shuffled_and_repeatable():
    """The same generator gives the same order, another another, and neither is the given one."""
    labels = [0, 1] * 50
    first = order(labels, [1, 1])
    assert (first == order(labels, [1, 1])).all()
    assert (first != order(labels, [1, 1], seed=1)).any()
    assert (first != np.arange(100)).any()


@pytest.fixture
def sets(tmp_path):
    """Ten real images with twenty copies, and thirty synthetic ones."""
    classical = labelled_noise(tmp_path / "classical", [0, 1] * 15, origin="classical")
    classical.manifest.loc[:9, "origin"] = "real"
    return classical, labelled_noise(tmp_path / "gan", [0, 1] * 15, origin="gan", seed=1)


def test_a_set_holds_all_real_rows_and_what_is_added(sets):
    """And the images of a larger set are more, never others."""
    classical, synthetic = sets
    held = []
    for copies, drawn in ((0, 0), (5, 0), (20, 0), (20, 7), (20, 30)):
        pools = grown(classical, np.arange(10, 10 + copies), synthetic, np.arange(drawn)).pools
        held.append({name for pool in pools for name in pool.images.manifest["image_id"]})
    assert [len(names) for names in held] == [10, 15, 30, 37, 60]
    assert all(less < more for less, more in pairwise(held))
    assert held[0] == set(classical.manifest["image_id"][:10])


def test_all_images_are_drawn_equally_often(sets):
    """Of 10 real images, 5 copies and 25 synthetic ones each is seen 4 times in 160 draws."""
    classical, synthetic = sets
    diet = grown(classical, np.arange(10, 15), synthetic, np.arange(25))
    seen: dict[bytes, int] = {}
    for images, _ in batches(diet, batch=16, steps=10, mixup_alpha=0.4, seed=0):
        for image in images.numpy():
            seen[image.tobytes()] = seen.get(image.tobytes(), 0) + 1
    assert len(seen) == 40
    assert set(seen.values()) == {4}


def test_one_pool_is_drawn_as_in_an_arm(sets):
    """Without synthetic images the batches are those of the recipe `classical`."""
    classical, _ = sets
    ways = [grown(classical, np.arange(10, 30)), TrainingDiet([Pool(classical)])]
    drawn = [list(batches(diet, batch=8, steps=6, mixup_alpha=0.4, seed=3)) for diet in ways]
    for (one, _), (other, _) in zip(*drawn, strict=True):
        assert (one == other).all()
