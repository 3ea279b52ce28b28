"""An ImageSet gives back what was written, and says which file is wrong when one is."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.imageset import (
    ImageSet,
    ImageSetWriter,
    Meta,
    narrowest_dtype,
    parsed_spacing,
    spacing_text,
    write_selection,
)

META = Meta(("cyst", "metastasis"), ("CT",), "HU", (-100.0, 200.0))
PIXELS = np.arange(3 * 16, dtype=np.int16).reshape(3, 1, 4, 4) * 5 - 100


def write(root, count=3, capacity=5, masks=True, **row):
    """Write a set of `count` images with room for more."""
    with ImageSetWriter(
        root, META, capacity=capacity, shape=(1, 4, 4), dtype=np.int16, masks=masks
    ) as writer:
        for number in range(count):
            writer.add(
                PIXELS[number],
                image_id=f"i{number}",
                label=META.classes[number % 2],
                patient_id=f"p{number}",
                origin="real",
                mask=PIXELS[number] > 0 if masks else None,
                spacing_mm=(0.5, 0.7),
                attributes={"size": number},
                **row,
            )
    return root


class TestRoundTrip:
    """Writing and reading."""

    def test_everything_comes_back(self, tmp_path):
        """Pixels in their unit and type, masks, rows, attributes; cut to what was added."""
        images = ImageSet.open(write(tmp_path / "set", parent_ids=("a", "b"), seed=2**62 + 1))
        assert np.array_equal(images.stored(), PIXELS)
        assert images.stored().dtype == np.int16
        assert np.array_equal(images.masks(), (PIXELS > 0).astype(np.uint8))
        assert images.meta == META
        assert (len(images), images.shape, images.spatial_dims) == (3, (1, 4, 4), 2)
        assert list(images.labels) == [0, 1, 0]
        row = images.manifest.iloc[1]
        assert (row["parent_ids"], row["spacing_mm"], row["size"]) == ("a b", "0.5x0.7", 1)
        assert int(row["seed"]) == 2**62 + 1

    def test_a_selection_can_be_written_afterwards(self, tmp_path):
        """Two columns change, and no other byte: not those of great seeds or empty cells."""
        first = write(tmp_path / "first", seed=2**62 + 1)
        whole = ImageSet.open(first).manifest
        write_selection(first, [True, False, True], [0.5, 0.0, 0.1234])
        manifest = ImageSet.open(first).manifest
        assert manifest["selected"].tolist() == [1, 0, 1]
        assert manifest["selection_score"].tolist() == [0.5, 0.0, 0.1234]
        columns = ["selected", "selection_score"]
        pd.testing.assert_frame_equal(manifest.drop(columns=columns), whole.drop(columns=columns))
        again = write(tmp_path / "again", seed=2**62 + 1)
        for chosen in ([False] * 3, [True, False, True]):
            write_selection(again, chosen, [0.5, 0.0, 0.1234])
        assert (again / "manifest.csv").read_bytes() == (first / "manifest.csv").read_bytes()
        assert sorted(path.name for path in first.iterdir()) == sorted(
            ["images.npy", "masks.npy", "manifest.csv", "meta.json"]
        )

    def test_the_same_images_are_the_same_bytes(self, tmp_path):
        """Whatever room was announced."""
        first, second = write(tmp_path / "a", capacity=3), write(tmp_path / "b", capacity=9)
        for name in ("images.npy", "masks.npy", "manifest.csv", "meta.json"):
            assert (first / name).read_bytes() == (second / name).read_bytes()

    def test_numpy_reads_the_cut_file(self, tmp_path):
        """The header that was rewritten is a right one."""
        path = write(tmp_path / "set") / "images.npy"
        assert np.array_equal(np.load(path, allow_pickle=False), PIXELS)

    def test_an_interrupted_set_is_not_a_set(self, tmp_path):
        """meta.json comes last, so that half a set cannot be taken for one."""
        writer = ImageSetWriter(tmp_path, META, capacity=2, shape=(1, 4, 4), dtype=np.int16)
        with pytest.raises(KeyboardInterrupt), writer:
            writer.add(PIXELS[0], image_id="i", label="cyst", patient_id="p", origin="real")
            raise KeyboardInterrupt
        with pytest.raises(DataError, match=r"meta\.json: is missing"):
            ImageSet.open(tmp_path)

    def test_a_set_can_be_written_over_a_longer_one(self, tmp_path):
        """Nothing of the old one is left, its masks neither."""
        write(tmp_path, count=3)
        images = ImageSet.open(write(tmp_path, count=1, masks=False))
        assert len(images) == 1
        assert not images.has_masks

    def test_rows_that_do_not_fit_are_refused(self, tmp_path):
        """Too many, another shape, an unknown label: the program's own mistakes."""
        with pytest.raises(ValueError, match="announced"):
            write(tmp_path / "a", count=3, capacity=2)
        same = {"image_id": "i", "patient_id": "p", "origin": "real"}
        with ImageSetWriter(
            tmp_path / "b", META, capacity=2, shape=(1, 4, 4), dtype=np.int16
        ) as writer:
            with pytest.raises(ValueError, match="expected"):
                writer.add(PIXELS[0, 0], label="cyst", **same)
            with pytest.raises(ValueError, match="label"):
                writer.add(PIXELS[0], label="abscess", **same)


class TestSpacing:
    """Millimetres between pixel centres, as numbers."""

    def test_numbers_of_every_row(self, tmp_path):
        """As written, in the order of a view, and ones where a row says nothing."""
        root = write(tmp_path)
        spoil_manifest(root, "spacing_mm", ["0.5x0.7", "", "2x1e-05"])
        images = ImageSet.open(root)
        assert images.spacing.tolist() == np.float32([[0.5, 0.7], [1, 1], [2, 1e-5]]).tolist()
        assert images.take([2]).spacing.tolist() == np.float32([[2, 1e-5]]).tolist()
        assert images.take([]).spacing.shape == (0, 2)

    @pytest.mark.parametrize("text", ["0.5", "1x1x1", "axb", "0x1", "nanx1", "infx1", "x"])
    def test_what_is_no_spacing_is_told_with_its_file(self, tmp_path, text):
        """Too few or too many axes, words, and numbers that no scanner has."""
        root = write(tmp_path)
        spoil_manifest(root, "spacing_mm", text)
        with pytest.raises(DataError, match=r"manifest\.csv: has the spacing_mm"):
            _ = ImageSet.open(root).spacing


def test_a_view_keeps_pixels_and_rows_together(tmp_path):
    """In the order asked for, and of a view again."""
    images = ImageSet.open(write(tmp_path)).take([2, 0])
    assert list(images.manifest["image_id"]) == ["i2", "i0"]
    assert np.array_equal(images.stored(), PIXELS[[2, 0]])
    assert np.array_equal(images.take(np.array([False, True])).stored(), PIXELS[[0]])
    assert np.array_equal(images.stored(np.array([True, False])), PIXELS[[2]])
    assert len(images.take([])) == 0


class TestScaling:
    """Stored values to model input and back."""

    def test_the_window_becomes_minus_one_to_one(self):
        """And what lies outside is clipped."""
        stored = np.array([-1000, -100, 50, 200, 3000], np.int16)
        assert META.scale(stored).tolist() == [-1.0, -1.0, 0.0, 1.0, 1.0]
        assert META.scale(stored).dtype == np.float32

    def test_whole_numbers_in_the_window_survive_both_ways(self):
        """So that synthetic images go back to the scan's own unit."""
        stored = np.arange(-100, 201, dtype=np.int16)
        assert np.array_equal(META.unscale(META.scale(stored), stored.dtype), stored)

    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [(0, 255, "u1"), (-1, 255, "i2"), (0, 65535, "u2"), (-40000, 0, "i4"), (0, 2**40, "f4")],
    )
    def test_the_narrowest_type_that_holds_the_values(self, low, high, expected):
        """Of those that are stored."""
        assert narrowest_dtype(low, high) == np.dtype(expected)


def spoil_meta(root, **values):
    """Change fields of meta.json."""
    path = root / "meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def spoil_manifest(root, column, value):
    """Change a column of manifest.csv."""
    frame = pd.read_csv(root / "manifest.csv").assign(**{column: value})
    frame.to_csv(root / "manifest.csv", index=False)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda root: spoil_meta(root, version=99), "meta.json: has format version 99"),
        (lambda root: spoil_meta(root, colour="red"), "meta.json: lacks or misnames"),
        (lambda root: (root / "meta.json").write_text("{"), "meta.json: is not readable"),
        (lambda root: (root / "manifest.csv").unlink(), "manifest.csv: is missing"),
        (lambda root: spoil_manifest(root, "image_id", "i"), "names image_id i more than once"),
        (lambda root: spoil_manifest(root, "label", "x"), "manifest.csv: has the label 'x'"),
        (lambda root: (root / "images.npy").write_bytes(b"x"), "images.npy: is not a readable"),
        (lambda root: np.save(root / "images.npy", PIXELS[:2]), "images.npy: holds 2 images"),
        (lambda root: np.save(root / "images.npy", PIXELS[:, 0]), "images.npy: has shape"),
        (lambda root: np.save(root / "masks.npy", PIXELS), "masks.npy: is int16"),
    ],
)
def test_a_spoilt_file_is_named(tmp_path, spoil, words):
    """A wrong version, shape, label or file is an error that says which file and why."""
    spoil(write(tmp_path))
    with pytest.raises(DataError) as caught:
        ImageSet.open(tmp_path)
    assert words in str(caught.value)


def test_pickled_arrays_are_refused(tmp_path):
    """Reading data must never run a program."""
    write(tmp_path)
    np.save(tmp_path / "images.npy", np.array([object()] * 3), allow_pickle=True)
    with pytest.raises(DataError, match=r"images\.npy"):
        ImageSet.open(tmp_path)


@pytest.mark.parametrize(
    ("spacing", "text"),
    [((0.48828125, 2.5), "0.48828125x2.5"), ((float(np.float32(0.1)), 1), "0.1x1"), ((), "")],
)
def test_spacing_keeps_every_digit_that_scanners_write(spacing, text):
    """250 mm over 512 pixels has eight; what came from 32 bits is not written with 64."""
    assert spacing_text(spacing) == text
    assert np.float32(parsed_spacing(text)).tolist() == np.float32(spacing).tolist()
