"""The nearest image is found through mirroring, turning, shifting, blur and volumes."""

import numpy as np
import pytest
import torch

from pipeline.privacy.alignment import laid_upon, nearest_aligned
from pipeline.privacy.orientations import orientations
from tests.lesions import lesions


@pytest.mark.parametrize(
    ("size", "ways"), [((8, 8), 8), ((8, 6), 4), ((4, 4, 4), 48), ((4, 4, 6), 16)]
)
def test_orientations_are_all_different_and_keep_the_shape(size, ways):
    """The symmetries of a square, an oblong, a cube and a square block."""
    image = torch.arange(float(np.prod(size))).reshape(1, 1, *size)
    found = [way(image) for way in orientations(size)]
    assert all(each.shape == image.shape for each in found)
    assert torch.equal(found[0], image)
    assert len({tuple(each.flatten().tolist()) for each in found}) == ways


@pytest.mark.parametrize("size", [(32, 32), (24, 32), (16, 16, 16)])
def test_every_orientation_and_shift_is_seen_through(size):
    """Distance 0 to the original, within a rounding error, and no less to any other."""
    rng = np.random.default_rng(0)
    base = torch.from_numpy(lesions(rng, 30, size))
    ways = orientations(size)
    chosen = [ways[int(index)] for index in rng.integers(len(ways), size=12)]
    turned = torch.cat([way(base[[row]]) for row, way in enumerate(chosen)])
    shifts, axes = (2, -1, 1)[: len(size)], tuple(range(2, 2 + len(size)))
    queries = 0.5 * torch.roll(turned, shifts, axes) + 0.2
    found = nearest_aligned(queries, base, shift=2)[1]
    assert found.positions.tolist() == list(range(12))
    # Half the squared distance is 1 - r, and r is a float32 sum of a thousand terms.
    assert float(found.distances.max()) < 5e-3


def test_the_distance_by_hand():
    """Without shifts it is that of the standardised images: r = 1/2 lies at distance 1."""
    first = torch.tensor([1.0, -1.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0])
    other = torch.tensor([1.0, -1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0])
    distances = [
        float(nearest_aligned(first.view(1, 1, 8, 1), each.view(1, 1, 8, 1), shift=0)[1].distances)
        for each in (first, 7 * first, other)
    ]
    assert distances == pytest.approx([0.0, 0.0, 1.0], abs=1e-3)


def test_barred_images_are_passed_over():
    """An image finds its equal, or the next where that is barred, or none at distance 2."""
    base = torch.from_numpy(lesions(np.random.default_rng(0), 5))
    itself = torch.eye(5, dtype=torch.bool)
    assert nearest_aligned(base, base, shift=1)[2].positions.tolist() == list(range(5))
    found = nearest_aligned(base, base, shift=1, barred=itself)[1]
    assert all(position != row for row, position in enumerate(found.positions.tolist()))
    nothing = torch.ones(5, 5, dtype=torch.bool)
    assert nearest_aligned(base, base, shift=1, barred=nothing)[1].distances.tolist() == [2.0] * 5


def test_laying_upon_undoes_orientation_and_shift():
    """A turned and shifted copy comes to lie on its original but for the uncovered edge."""
    original = torch.from_numpy(lesions(np.random.default_rng(0), 3))
    moved = torch.roll(torch.rot90(original, 1, (2, 3)), (1, -2), (2, 3))
    laid = laid_upon(original, moved, shift=2)
    assert torch.equal(laid[..., 2:-2, 2:-2], original[..., 2:-2, 2:-2])
