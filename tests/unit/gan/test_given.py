"""Images of a package's user: what is read, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.gan.generator import Format
from pipeline.gan.given import open_given
from pipeline.imageset import Meta

STORED = Format(Meta(("a", "b"), ("CT",), "HU", (-100.0, 200.0)), (1, 4, 4), np.dtype(np.int16))
IMAGES = np.arange(48, dtype=np.int16).reshape(3, 1, 4, 4)
LABELS = np.array(["a", "b", "a"])


def given(tmp_path, **changes):
    """Open a file of arrays, some of them changed or left out."""
    arrays = {"images": IMAGES, "labels": LABELS, **changes}
    kept = {name: array for name, array in arrays.items() if array is not None}
    np.savez(tmp_path / "mine.npz", **kept)
    return open_given(tmp_path / "mine.npz", STORED)


def test_a_file_is_a_set_of_real_images(tmp_path):
    """Pixels, labels and masks as given, and ids that say which row it was."""
    masks = np.zeros((3, 1, 4, 4))
    masks[1, 0, 2, 2] = 7.0
    images = given(tmp_path, masks=masks)
    assert np.array_equal(images.stored(), IMAGES)
    assert images.labels.tolist() == [0, 1, 0]
    assert images.masks().sum() == 1
    assert images.manifest["image_id"].tolist() == ["source-00000", "source-00001", "source-00002"]
    assert images.manifest["origin"].eq("real").all()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"images": None}, "lacks the array 'images'"),
        ({"labels": np.array(["a", "c", "a"])}, "labels: got 'c'; choose one of a, b"),
        ({"labels": LABELS[:2]}, "has 3 images and 2 labels"),
        ({"masks": np.zeros((3, 1, 5, 4))}, "has masks"),
        ({"images": IMAGES[:, :, :3]}, r"has images \(1, 3, 4\), and the generator's"),
        ({"images": IMAGES.astype(str)}, "has images that are no finite numbers"),
        ({"images": IMAGES + 0j}, r"has images that are no finite numbers \(complex"),
        ({"images": np.where(IMAGES == 5, np.nan, IMAGES)}, "has images that are no finite"),
        ({"masks": np.full((3, 1, 4, 4), "x")}, "has masks that are no finite numbers"),
        ({"labels": np.array([None, "a", "b"], object)}, "neither an ImageSet's directory nor"),
    ],
)
def test_refuses_what_does_not_fit(tmp_path, changes, sentence):
    """In a sentence that names the file."""
    with pytest.raises(DataError, match=sentence) as caught:
        given(tmp_path, **changes)
    assert "mine.npz" in str(caught.value)


def test_refuses_a_damaged_file(tmp_path):
    """Bytes that do not decompress are no traceback."""
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, images=np.tile(IMAGES, (50, 1, 1, 1)), labels=np.tile(LABELS, 50))
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)
    with pytest.raises(DataError, match="neither an ImageSet's directory nor"):
        open_given(path, STORED)


def test_refuses_a_file_that_is_not_there(tmp_path):
    """Likewise."""
    with pytest.raises(DataError, match="neither an ImageSet's directory nor"):
        open_given(tmp_path / "none.npz", STORED)
