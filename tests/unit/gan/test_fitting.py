"""Options as a training takes them."""

from __future__ import annotations

import pytest

from pipeline.config import Augment
from pipeline.gan.fitting import options_for


@pytest.mark.parametrize("flip", [True, False, (1,)])
def test_models_are_mirrored_as_images_are_flipped(flip):
    """`mirror: true` follows augment.flip, so that no scan is learnt upside down unasked."""
    augment = Augment(flip=flip)
    assert options_for("conditional", {}, augment).mirror == flip
    assert options_for("conditional", {"mirror": [0]}, augment).mirror == (0,)
    assert options_for("conditional", {"mirror": False}, augment).mirror is False


@pytest.mark.parametrize(
    ("degrees", "turned"),
    [
        (180.0, True),
        (90.0, True),
        (15.0, False),
        ((180.0, 180.0, 90.0), True),
        ((180.0, 5.0, 5.0), False),
    ],
)
def test_models_are_turned_as_images_are_rotated(degrees, turned):
    """`turn: true` turns only where augment.rotation_degrees goes as far about every axis."""
    augment = Augment(rotation_degrees=degrees)
    assert options_for("conditional", {"turn": True}, augment).turn is turned
    assert options_for("conditional", {"turn": False}, augment).turn is False
