"""Local binary patterns by hand, and what leaves them as they are."""

import numpy as np
import pytest

from pipeline.fidelity.descriptors.binary_patterns import binary_patterns


def shares(images):
    """(N, 10)."""
    return np.stack(list(binary_patterns(images).values()), axis=1)


def test_a_bright_pixel_on_a_dark_ground_by_hand():
    """Its pattern has no neighbour as bright; those around it have all eight."""
    image = np.zeros((1, 5, 5))
    image[0, 2, 2] = 1.0
    found = shares(image)[0]
    assert found[0] == pytest.approx(1 / 9)
    assert found[8] == pytest.approx(8 / 9)


def test_an_edge_has_its_pattern():
    """Right of a vertical edge five neighbours are at least as bright, and left of it all eight."""
    image = np.zeros((1, 6, 6))
    image[:, :, 3:] = 1.0
    found = shares(image)[0]
    # Columns 1, 2 are dark (8 bright neighbours), 3 lies at the edge (5), 4 is inside (8).
    assert found[5] == pytest.approx(1 / 4)
    assert found[8] == pytest.approx(3 / 4)


def test_a_chequered_pattern_is_not_uniform():
    """A dark pixel's neighbours are all as bright, a bright one's change eight times."""
    image = (np.indices((6, 6)).sum(0) % 2)[None].astype(float)
    found = shares(image)[0]
    assert found[8] == found[9] == 0.5


def test_turned_mirrored_and_brighter_images_have_the_same_patterns():
    """Patterns count neighbours around a circle, by order of brightness alone."""
    images = np.random.default_rng(0).normal(size=(3, 9, 9))
    expected = shares(images)
    for changed in (np.rot90(images, 1, (1, 2)), images[:, ::-1], 3.0 * images + 1.0):
        assert shares(changed) == pytest.approx(expected)


def test_a_volume_is_seen_from_three_sides():
    """Shares sum to one, whichever way the volume lies."""
    volume = np.random.default_rng(0).normal(size=(2, 5, 7, 9))
    found = shares(volume)
    assert found.sum(1) == pytest.approx(1.0)
    assert shares(volume.transpose(0, 3, 1, 2)) == pytest.approx(found)
