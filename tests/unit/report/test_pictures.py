"""Pictures for the page."""

from __future__ import annotations

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.report import pictures


def decoded(png: bytes) -> np.ndarray:
    """Pixels of a PNG."""
    return np.asarray(Image.open(io.BytesIO(png)))


def test_strip_keeps_pixels_and_order() -> None:
    """Black, white and mid-grey images stand in order, enlarged, with see-through gaps."""
    images = np.stack([np.full((1, 36, 36), value, np.float32) for value in (-1, 1, 0)])
    found = decoded(pictures.strip(images))
    assert found.shape == (72, 3 * 72 + 2 * 3, 4)
    assert found[10, [10, 85, 160], 0].tolist() == [0, 255, 128]
    assert found[10, 73, 3] == 0


def test_volumes_show_their_middle_slice() -> None:
    """The last axis of a volume is the one that is cut."""
    volume = np.full((1, 1, 8, 8, 5), -1, np.float32)
    volume[..., 2] = 1
    assert decoded(pictures.strip(volume))[..., 0].min() == 255


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_channels(channels: int) -> None:
    """Three channels are colours; of any other number the first is shown in grey."""
    image = np.full((1, channels, 8, 8), -1, np.float32)
    image[:, 0] = 1
    red, green, _, _ = decoded(pictures.strip(image))[0, 0]
    assert (red, green) == ((255, 0) if channels == 3 else (255, 255))


def test_histories() -> None:
    """Curves give one picture, the same bytes each time; nothing to draw gives none."""
    table = pd.DataFrame({"step": [1, 2], "loss_generator": [0.5, 0.4], "d_real": [0.6, 0.5]})
    first, second = (pictures.histories({"all": table}) for _ in range(2))
    assert first == second
    assert decoded(first).std() > 0
    assert pictures.histories({}) is None
    assert pictures.histories({"all": pd.DataFrame({"loss_x": [1.0]})}) is None


def test_inline() -> None:
    """A data URI holds the bytes."""
    assert base64.b64decode(pictures.inline(b"PNG").partition(",")[2]) == b"PNG"


def test_width() -> None:
    """A picture's letters come out in the page's size: 130 of its dots are 100 pixels."""
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 260), np.uint8)).save(file, "PNG")
    assert pictures.width(pictures.inline(file.getvalue())) == 200
