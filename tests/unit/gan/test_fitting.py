"""Options as a training takes them."""

from __future__ import annotations

import pytest

from pipeline.gan.fitting import options_for


@pytest.mark.parametrize("flip", [True, False, (1,)])
def test_models_are_mirrored_as_images_are_flipped(flip):
    """`mirror: true` follows augment.flip, so that no scan is learnt upside down unasked."""
    assert options_for("conditional", {}, flip).mirror == flip
    assert options_for("conditional", {"mirror": [0]}, flip).mirror == (0,)
    assert options_for("conditional", {"mirror": False}, flip).mirror is False
