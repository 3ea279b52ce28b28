"""The contact sheet: a row a class, each image at its place."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import DataError
from pipeline.survey import sheet


def flat(value, shape=(1, 8, 8)):
    """An image of one value."""
    return np.full(shape, value, np.float32)


def test_each_class_has_a_row_in_the_order_of_names(tmp_path):
    """Black, grey and white at their places, paper where there is no image."""
    path = tmp_path / "sheet.png"
    assert sheet.write(path, {"b": [flat(1.0)], "a": [flat(-1.0), flat(0.0)], "c": []})
    pixels = np.asarray(Image.open(path))
    assert pixels.shape == (196, 196, 3)
    seen = [pixels[row, column, 0] for row, column in ((48, 48), (48, 148), (148, 48), (148, 148))]
    assert seen == [0, 128, 255, 255]


def test_colours_and_volumes_are_shown(tmp_path):
    """Three channels as they are; of a volume the middle slice."""
    volume = flat(-1.0, (1, 8, 8, 5))
    volume[..., 2] = 1.0
    colour = np.stack([flat(1.0)[0], flat(-1.0)[0], flat(-1.0)[0]])
    path = tmp_path / "sheet.png"
    sheet.write(path, {"a": [volume, colour]})
    pixels = np.asarray(Image.open(path))
    assert pixels[48, 48].tolist() == [255, 255, 255] and pixels[48, 148].tolist() == [255, 0, 0]


def test_the_file_holds_pixels_alone(tmp_path):
    """No text and no note in it."""
    path = tmp_path / "sheet.png"
    sheet.write(path, {"DOE": [flat(0.5)]})
    with Image.open(path) as picture:
        assert picture.info == {}
    assert b"DOE" not in path.read_bytes()


def test_nothing_to_show_writes_nothing(tmp_path):
    """No empty picture."""
    assert not sheet.write(tmp_path / "sheet.png", {"a": []})
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize("name", ["sheet.csv", "absent/sheet.png"])
def test_a_place_that_cannot_be_written_to_is_a_sentence(name, tmp_path):
    """Neither another file's ending nor a directory that is not there."""
    with pytest.raises(DataError, match="--out"):
        sheet.write(tmp_path / name, {"a": [flat(0.0)]})
