"""Shares, class shares and passes are exact, and mixing refuses sets that disagree."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from pipeline.data import BatchSampler, Dataset, Pool, batch_counts, class_frequencies, mix
from pipeline.errors import DataError
from pipeline.imageset import ImageSet
from tests.labelled_noise import labelled_noise


@pytest.fixture
def real(tmp_path):
    """Ten real images, three of them bright."""
    return labelled_noise(tmp_path / "real", [0] * 7 + [1] * 3)


@pytest.fixture
def synthetic(tmp_path):
    """Six synthetic images, three of each class."""
    return labelled_noise(tmp_path / "gan", [0, 1] * 3, origin="gan", seed=1)


def test_dataset_joins_sets_end_to_end(real, synthetic):
    """Pixels and labels of every position are those of its own set."""
    dataset = Dataset(real, synthetic)
    assert len(dataset) == 16
    images, labels = dataset.read([15, 0, 10, 9])
    expected = [synthetic.scaled([5]), real.scaled([0]), synthetic.scaled([0]), real.scaled([9])]
    np.testing.assert_array_equal(images.numpy(), np.concatenate(expected))
    assert labels.tolist() == [1, 0, 0, 1]
    one, label = dataset[15]
    np.testing.assert_array_equal(one.numpy(), synthetic.scaled([5])[0])
    assert label == 1


def test_sets_that_disagree_are_refused(real, tmp_path):
    """Other classes or another shape: the message names the set at fault."""
    other = labelled_noise(tmp_path / "other", [0, 1], classes=("bright", "dark"))
    with pytest.raises(DataError, match="other: has the classes"):
        Dataset(real, other)
    larger = labelled_noise(tmp_path / "larger", [0, 1], size=(9, 9))
    with pytest.raises(DataError, match="larger: has images of shape"):
        Dataset(real, larger)
    hotter = ImageSet(
        tmp_path / "hotter",
        replace(real.meta, window=(-200.0, 200.0)),
        real.manifest,
        real.stored(),
        None,
        np.arange(len(real)),
    )
    with pytest.raises(DataError, match=r"hotter: has HU with the window \[-200.*like="):
        Dataset(real, hotter)


@pytest.mark.parametrize(
    ("shares", "batch", "expected"),
    [
        ([1.0], 7, [7]),
        ([0.5, 0.5], 64, [32, 32]),
        ([0.7, 0.3], 8, [6, 2]),
        ([1 / 3] * 3, 8, [3, 3, 2]),
    ],
)
def test_batches_divide_by_largest_remainder(shares, batch, expected):
    """Counts add up to the batch and are within one of the exact shares."""
    assert batch_counts(shares, batch) == expected


def test_shares_that_cannot_be_kept_are_refused():
    """A share below one image, and shares that are not a whole."""
    with pytest.raises(ValueError, match="too small"):
        batch_counts([0.99, 0.01], 8)
    with pytest.raises(ValueError, match="not 1"):
        batch_counts([0.5, 0.4], 8)


def test_every_batch_holds_the_same_synthetic_share(real, synthetic):
    """A quarter of each of many batches is synthetic, though the real set is larger."""
    sampler = BatchSampler([Pool(real, 0.75), Pool(synthetic, 0.25)], batch=8, steps=30, seed=0)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == 30
    assert {sum(position >= len(real) for position in batch) for batch in drawn} == {2}


def test_images_come_in_whole_shuffled_passes(real):
    """After n images each was drawn once, after 2n twice; and two passes differ in order."""
    positions = list(chain(*BatchSampler([Pool(real)], batch=4, steps=5, seed=0)))
    first, second = positions[:10], positions[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (1.0, 0.0)])
def test_class_shares_hold_at_every_moment(real, shares):
    """Counts stay within one image of their shares, batch after batch."""
    sampler = BatchSampler([Pool(real, class_shares=shares)], batch=7, steps=20, seed=0)
    counts = np.zeros(2)
    for batch in sampler:
        counts += np.bincount(real.labels[batch], minlength=2)
        assert np.abs(counts - np.array(shares) * counts.sum()).max() <= 1.0


def test_absent_classes_leave_their_share_to_the_others(real):
    """Images of one class alone can be drawn with any class shares that it has a part in."""
    dark = real.take(real.labels == 0)
    assert len(list(BatchSampler([Pool(dark, class_shares=(0.5, 0.5))], batch=4, steps=3, seed=0)))
    with pytest.raises(ValueError, match="share of 0"):
        list(BatchSampler([Pool(dark, class_shares=(0.0, 1.0))], batch=4, steps=3, seed=0))


def test_one_pool_does_not_shift_the_draws_of_another(real, synthetic):
    """The real half is the same whatever the synthetic half is drawn from."""
    halves = []
    for other in (synthetic, synthetic.take([0, 1])):
        sampler = BatchSampler([Pool(real, 0.5), Pool(other, 0.5)], batch=4, steps=9, seed=3)
        halves.append([[position for position in batch if position < 10] for batch in sampler])
    assert halves[0] == halves[1]


def test_seed_alone_decides(real):
    """The same seed repeats the draws, also when iterated twice; another does not."""
    sampler = BatchSampler([Pool(real)], batch=4, steps=5, seed=0)
    assert list(sampler) == list(sampler)
    assert list(sampler) == list(BatchSampler([Pool(real)], batch=4, steps=5, seed=0))
    assert list(sampler) != list(BatchSampler([Pool(real)], batch=4, steps=5, seed=1))


def test_mix_loads_a_fixed_share_without_refused_images(real, synthetic):
    """A loader of batches for a training script of one's own."""
    synthetic.manifest.loc[:2, "selected"] = 0
    loader = mix(real, synthetic, synthetic_share=0.5, batch=4, steps=3, seed=0)
    batches = list(loader)
    assert len(batches) == 3
    images, labels = batches[0]
    assert tuple(images.shape) == (4, 1, 8, 8)
    assert tuple(labels.shape) == (4,)
    wanted = {synthetic.scaled([row]).tobytes() for row in (3, 4, 5)}
    drawn = Counter(image.numpy().tobytes() for images, _ in batches for image in images[2:])
    assert set(drawn) == wanted


def test_empty_pool_is_refused(real):
    """Nothing to draw from is told with the set's place."""
    with pytest.raises(ValueError, match="no image is left"):
        BatchSampler([Pool(real.take([]))], batch=4, steps=1, seed=0)


def test_class_frequencies_count_labels(real):
    """Seven of ten dark, three bright."""
    assert class_frequencies(real) == (0.7, 0.3)
