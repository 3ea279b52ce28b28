"""Duplicates: what is found, what is not, and what is therefore kept together."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import duplicates
from pipeline.duplicates import Pair, find_duplicates
from pipeline.errors import ParameterError
from tests.scenes import image_set, scene

SHARED = Path(__file__).parents[3] / "shared" / "data"
DEFAULT = {"max_hash_distance": 6, "min_correlation": 0.9}


def found(images, **options):
    """The pairs found, as sets of positions by kind."""
    pairs = find_duplicates(images, **{**DEFAULT, **options})
    return {(pair.first, pair.second): pair.kind for pair in pairs}


class TestFindDuplicates:
    """The same scene is found under every disguise that data sets hold, and only that."""

    def test_equal_pixels_are_exact(self, tmp_path):
        """A pixel-identical image under another name is an exact duplicate."""
        rng = np.random.default_rng(0)
        one, two = scene(rng), scene(rng)
        assert found(image_set(tmp_path, [one, two, one])) == {(0, 2): "exact"}

    def test_copies_are_paired_with_the_first(self, tmp_path):
        """Five copies give four pairs, not ten."""
        pairs = found(image_set(tmp_path, [scene(np.random.default_rng(0))] * 5))
        assert pairs == {(0, n): "exact" for n in range(1, 5)}

    @pytest.mark.parametrize("shape", [(64, 64), (24, 24, 24)])
    @pytest.mark.parametrize(
        "disguise",
        [
            lambda image, rng: image + rng.normal(0, 6, image.shape),
            lambda image, rng: 0.8 * image + 30,
            lambda image, rng: np.roll(image, 1, axis=0),
            lambda image, rng: np.where(rng.random(image.shape) < 0.005, 255, image),
        ],
        ids=["noise", "brightness", "shift", "callipers"],
    )
    def test_altered_copies_are_near(self, tmp_path, shape, disguise):
        """Noise, contrast, a small shift and burnt-in marks do not hide a copy."""
        rng = np.random.default_rng(1)
        images = [scene(rng, shape) for _ in range(20)]
        images.append(np.clip(disguise(images[7], rng), 0, 255))
        assert found(image_set(tmp_path, images)) == {(7, 20): "near"}

    @pytest.mark.parametrize(
        ("shape", "orientation", "axis"),
        [((64, 64), "image", 1), ((64, 64), "PL", 1), ((24, 24, 24), "RAS", 0)],
    )
    def test_mirror_images_are_near(self, tmp_path, shape, orientation, axis):
        """An image mirrored left to right is found, wherever left and right lie."""
        rng = np.random.default_rng(2)
        images = [scene(rng, shape) for _ in range(10)]
        images.append(np.flip(images[3], axis))
        images = image_set(tmp_path, images, orientation=orientation)
        assert found(images) == {(3, 10): "near"}
        assert found(images, mirrored=False) == {}

    @pytest.mark.parametrize("shape", [(64, 64), (28, 28), (20, 20, 20)])
    def test_different_scenes_are_not_duplicates(self, tmp_path, shape):
        """Of 200 different scenes, 19,900 pairs, none is called a duplicate."""
        rng = np.random.default_rng(3)
        assert found(image_set(tmp_path, [scene(rng, shape) for _ in range(200)])) == {}

    def test_correlation_has_the_last_word(self, tmp_path):
        """Alike hashes do not suffice: with every hash allowed, correlation still decides."""
        rng = np.random.default_rng(4)
        images = [scene(rng) for _ in range(12)]
        images.append(np.clip(images[0] + rng.normal(0, 6, images[0].shape), 0, 255))
        images = image_set(tmp_path, images)
        assert found(images, max_hash_distance=64) == {(0, 12): "near"}
        assert found(images, max_hash_distance=64, min_correlation=0.9999) == {}

    def test_blocks_do_not_change_the_result(self, tmp_path, monkeypatch):
        """Pairs across the borders of blocks are found, each once."""
        rng = np.random.default_rng(5)
        scenes = [scene(rng) for _ in range(9)]
        images = scenes + [
            np.clip(image + rng.normal(0, 3, image.shape), 0, 255) for image in scenes
        ]
        images = image_set(tmp_path, images)
        whole = find_duplicates(images, **DEFAULT)
        assert [(pair.first, pair.second) for pair in whole] == [(n, n + 9) for n in range(9)]
        for name, size in (("_ROWS_AT_ONCE", 4), ("_COLUMNS_AT_ONCE", 5), ("_IMAGES_AT_ONCE", 3)):
            monkeypatch.setattr(duplicates, name, size)
        assert find_duplicates(images, **DEFAULT) == whole

    def test_thresholds_that_take_in_everything_are_refused(self, tmp_path, monkeypatch):
        """A setting under which everything is a duplicate is an error, not one giant group."""
        monkeypatch.setattr(duplicates, "PAIRS_PER_IMAGE", 3)
        rng = np.random.default_rng(6)
        images = image_set(tmp_path, [scene(rng) for _ in range(20)])
        with pytest.raises(ParameterError, match=r"split\.duplicates"):
            find_duplicates(images, max_hash_distance=64, min_correlation=0.0)

    def test_breast_ultrasound_holds_its_known_duplicates(self, tmp_path):
        """BreastMNIST has about 200 near duplicates; at random there would be none mirrored."""
        file = SHARED / "breastmnist" / "breastmnist.npz"
        if not file.exists():
            pytest.skip(f"{file} is absent")
        with np.load(file, allow_pickle=False) as arrays:
            pixels = np.concatenate([arrays[f"{part}_images"] for part in ("train", "val", "test")])
        images = image_set(tmp_path, pixels)
        as_they_are = found(images, mirrored=False)
        assert 190 <= len(as_they_are) <= 210
        assert len(found(images)) == len(as_they_are)


class TestFingerprint:
    """What images are compared by."""

    @pytest.mark.parametrize("shape", [(32, 48), (16, 16, 20)])
    def test_the_mirrored_hash_is_the_hash_of_the_mirror_image(self, tmp_path, shape):
        """Negating odd frequencies equals hashing the flipped image, bit for bit."""
        rng = np.random.default_rng(0)
        images = [scene(rng, shape) for _ in range(8)]
        here = duplicates.fingerprint(image_set(tmp_path / "a", images))
        flipped = [np.flip(image, -1) for image in images]
        there = duplicates.fingerprint(image_set(tmp_path / "b", flipped))
        assert here.mirrored.tolist() == there.hashes.tolist()
        assert here.hashes.tolist() == there.mirrored.tolist()

    def test_thumbnails_average_areas(self, tmp_path):
        """A 64 x 64 image becomes the means of its 2 x 2 blocks, in model units."""
        rng = np.random.default_rng(0)
        image = rng.integers(0, 256, (64, 64))
        thumbnail = duplicates.fingerprint(image_set(tmp_path, [image])).thumbnails[0]
        means = image.reshape(32, 2, 32, 2).mean(axis=(1, 3)) / 127.5 - 1
        assert np.allclose(thumbnail, means, atol=1e-3)  # float16 has 11 bits

    def test_correlation_of_a_constant_image_is_zero(self):
        """A blank thumbnail is like nothing, not even like another blank one."""
        blank = np.zeros((2, 32, 32))
        assert duplicates.aligned_correlation(blank, blank).tolist() == [0.0, 0.0]

    def test_correlation_is_taken_at_the_best_shift(self):
        """Shifting by up to two of 32 pixels costs nothing, by eight it does."""
        rng = np.random.default_rng(0)
        image = scene(rng, (48, 48))[None]
        here, near, far = image[:, 8:40, 8:40], image[:, 6:38, 10:42], image[:, 0:32, 8:40]
        assert duplicates.aligned_correlation(here, near)[0] == pytest.approx(1.0)
        assert duplicates.aligned_correlation(here, far)[0] < 0.8


class TestGroups:
    """What must stay together."""

    def test_patients_and_duplicates_are_joined(self):
        """Two patients with a duplicate between them are one group, transitively."""
        pairs = [Pair(1, 2, "near", 0.95), Pair(4, 5, "exact", 1.0)]
        patients = ["x", "x", "y", "y", "z", "w", "v"]
        assert duplicates.groups(patients, pairs).tolist() == [0, 0, 0, 0, 1, 1, 2]

    def test_unknown_patients_are_not_one_patient(self):
        """Images without a patient are groups of their own."""
        assert duplicates.groups(["", "", ""], []).tolist() == [0, 1, 2]

    def test_contradiction_is_among_duplicates_only(self):
        """A patient's other lesion contradicts nobody; a duplicate under another label does."""
        labels = np.array([0, 1, 0, 1, 0])
        pairs = [Pair(2, 3, "near", 0.95), Pair(0, 4, "near", 0.95)]
        cluster = duplicates.clusters(5, pairs)
        expected = [False, False, True, True, False]
        assert duplicates.contradicting(labels, cluster).tolist() == expected

    def test_contradiction_is_transitive(self):
        """If one is like two and two like three, another label on one puts all in doubt."""
        cluster = duplicates.clusters(3, [Pair(0, 1, "near", 0.9), Pair(1, 2, "near", 0.9)])
        assert duplicates.contradicting(np.array([0, 0, 1]), cluster).all()

    def test_the_table_says_whether_labels_agree(self, tmp_path):
        """duplicates.csv names both images, the kind, the correlation and the agreement."""
        image = scene(np.random.default_rng(0))
        images = image_set(tmp_path, [image, image], labels=["a", "b"])
        table = duplicates.table(images, find_duplicates(images, **DEFAULT))
        assert list(table.columns) == list(duplicates.COLUMNS)
        assert table.iloc[0].tolist() == ["i00000", "i00001", "exact", 1.0, 0]

    def test_an_empty_table_keeps_its_columns(self, tmp_path):
        """No duplicates are a table with a heading and no rows."""
        images = image_set(tmp_path, [scene(np.random.default_rng(0))])
        table = duplicates.table(images, [])
        assert list(table.columns) == list(duplicates.COLUMNS)
        assert table.empty
