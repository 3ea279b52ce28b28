"""Mixtures of two are recognised, with both images and their shares."""

import numpy as np
import pytest
import torch

from pipeline.privacy.mixtures import nearest_mixture
from tests.lesions import lesions


@pytest.mark.parametrize("size", [(32, 32), (16, 16, 16)])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_mixture_is_taken_apart(size, share):
    """Nothing is left over, and the images and shares are right, also of turned mixtures."""
    base = torch.from_numpy(lesions(np.random.default_rng(0), 40, size))
    mixed = share * base[:10] + (1 - share) * base[10:20] + 0.3
    found = nearest_mixture(torch.flip(mixed, (2,)), base)
    # Squared distances are differences of numbers near 100 in float32.
    assert float(found.distances.max()) < 5e-3
    for row in range(10):
        assert {int(found.positions[row]), int(found.others[row])} == {row, row + 10}
    assert found.shares.tolist() == pytest.approx([share] * 10, abs=1e-2)


def test_an_image_itself_is_a_mixture_of_itself_alone():
    """An exact copy needs no second image."""
    base = torch.from_numpy(lesions(np.random.default_rng(0), 10))
    found = nearest_mixture(base, base)
    assert found.positions.tolist() == list(range(10))
    assert found.shares.tolist() == pytest.approx([1.0] * 10, abs=1e-3)


def test_the_distance_by_hand():
    """On a plane: from (0, 1) the segment from (-1, 0) to (1, 0) is one away at its middle."""
    # Along these two vectors of mean 0 and length 1; four numbers make the root mean square half.
    u, v = torch.tensor([1.0, -1.0, 1.0, -1.0]) / 2, torch.tensor([1.0, 1.0, -1.0, -1.0]) / 2
    base = torch.stack([-u, u]).view(2, 1, 4, 1)
    found = nearest_mixture(v.view(1, 1, 4, 1), base)
    assert float(found.distances) == pytest.approx(0.5)
    assert float(found.shares) in (pytest.approx(0.5), pytest.approx(1.0))


def test_barred_images_take_no_part():
    """Neither of two barred images is used."""
    base = torch.from_numpy(lesions(np.random.default_rng(0), 10))
    barred = torch.zeros(1, 10, dtype=torch.bool)
    barred[0, :2] = True
    found = nearest_mixture(0.5 * base[:1] + 0.5 * base[1:2], base, barred=barred)
    assert not {int(found.positions), int(found.others)} & {0, 1}
    assert float(found.distances) > 0.01
