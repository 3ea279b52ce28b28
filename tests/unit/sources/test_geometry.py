"""Cropping and resampling put every voxel where arithmetic says."""

import numpy as np
import pytest

from pipeline.sources import geometry


def ramp(*shape: int) -> np.ndarray:
    """(1, *shape) whose value is the sum of the voxel's positions."""
    return np.sum(np.indices(shape), axis=0, dtype=float)[None]


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("shape", [(5, 7), (4, 5, 6)])
def test_the_whole_field_at_its_own_size_is_the_identity(order, shape):
    """No order changes an image whose grid stays."""
    image = np.random.default_rng(0).normal(size=(2, *shape))
    np.testing.assert_allclose(geometry.resize(image, shape, order=order), image, atol=1e-6)


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize(("size", "voxels"), [((3, 9), 1e-5), ((4, 9), 0.02)])
def test_a_ramp_stays_the_same_ramp(order, size, voxels):
    """Away from the edge, a linear image keeps its values at any place and scale.

    Exactly so when enlarged or shrunk by a whole number; at other factors the sampled kernel's
    centre of mass is off by up to a fiftieth of a voxel.
    """
    centre, extent = (10.3, 9.8), (6.0, 4.5)
    view = geometry.field_of_view(ramp(20, 20), centre, extent, size, order=order)
    places = [
        c + (np.arange(n) + 0.5) * e / n - e / 2
        for c, e, n in zip(centre, extent, size, strict=True)
    ]
    np.testing.assert_allclose(view[0], places[0][:, None] + places[1][None], atol=voxels)


def test_shrinking_averages_what_lies_between():
    """A checkerboard shrunk twofold is grey; skipping voxels would leave it one colour."""
    board = (np.indices((16, 16)).sum(axis=0) % 2).astype(float)[None]
    inner = geometry.resize(board, (8, 8))[0, 1:-1, 1:-1]
    np.testing.assert_allclose(inner, 0.5, atol=1e-6)


def test_a_box_that_leaves_the_image_is_filled():
    """Outside is the fill, inside is untouched, and without a fill the edge repeats."""
    image = ramp(4, 4) + 10
    filled = geometry.field_of_view(image, (0, 0), (5, 5), (5, 5), fill=-1000.0)[0]
    assert (filled[:2] == -1000).all() and (filled[:, :2] == -1000).all()
    np.testing.assert_allclose(filled[2:, 2:], image[0, :3, :3])
    repeated = geometry.field_of_view(image, (0, 0), (5, 5), (5, 5))[0]
    np.testing.assert_allclose(repeated[:3, :3], 10)


def test_a_box_wholly_outside_is_only_fill():
    """A centre far from the image gives the fill and no error."""
    view = geometry.field_of_view(ramp(4, 4), (50, -50), (3, 3), (3, 3), fill=7.0)
    assert (view == 7).all()


def test_order_zero_keeps_the_type_and_invents_no_value():
    """Nearest neighbours of labels are labels."""
    labels = np.array([[[0, 5], [9, 2]]], np.int16)
    view = geometry.resize(labels, (5, 5), order=0)
    assert view.dtype == np.int16
    assert set(np.unique(view)) == {0, 2, 5, 9}


@pytest.mark.parametrize(
    ("centre", "extent", "size"),
    [((0, 0, 0), (1, 1), (1, 1)), ((0, 0), (0, 1), (1, 1)), ((0, 0), (1, 1), (0, 1))],
)
def test_impossible_boxes_are_refused(centre, extent, size):
    """Axes that disagree, and lengths that are not positive, raise a ValueError."""
    with pytest.raises(ValueError, match=r"axes|positive"):
        geometry.field_of_view(ramp(3, 3), centre, extent, size)


def test_resample_meets_the_spacing_and_keeps_the_middle():
    """10 voxels of 2 mm become 20 of 1 mm, 5 of 4 mm; the image's middle stays in the middle."""
    image = ramp(10, 10, 10)
    assert geometry.resample(image, (2, 2, 2), (1, 4, 2)).shape == (1, 20, 5, 10)
    odd = geometry.resample(image, (2, 2, 2), (3, 3, 3))
    assert odd.shape == (1, 7, 7, 7)
    assert odd[0, 3, 3, 3] == pytest.approx(3 * 4.5, abs=1e-4)


def test_fit_keeps_the_aspect():
    """A wide image shown on a square leaves equal bands above and below."""
    shown = geometry.fit(np.ones((1, 4, 8)), (8, 8), fill=-1.0)[0]
    np.testing.assert_allclose(shown.mean(axis=1), [-1, -1, 1, 1, 1, 1, -1, -1], atol=1e-6)


def test_the_box_around_a_mask():
    """Centre, extent and largest slice are those of the voxels set."""
    mask = np.zeros((1, 8, 9, 10), np.uint8)
    mask[0, 2:5, 3, 4:8] = 1
    mask[0, 3, 4, 4] = 1
    assert geometry.mask_centre(mask) == (3.0, 3.5, 5.5)
    assert geometry.mask_extent_mm(mask, (1.0, 2.0, 0.5)) == (3.0, 4.0, 2.0)
    assert geometry.largest_slice(mask, 0) == 3
    mask[0, 3, 4, 4] = 0
    assert geometry.largest_slice(mask, 0) == 3, "the middle of three equal slices"


def test_an_empty_mask_has_no_place():
    """Asking where an empty mask lies raises a ValueError."""
    empty = np.zeros((1, 4, 4), np.uint8)
    for ask in (geometry.mask_centre, lambda mask: geometry.largest_slice(mask, 0)):
        with pytest.raises(ValueError, match="empty"):
            ask(empty)


def test_a_mask_is_cut_where_it_covers_half():
    """A square's area survives shrinking, and a single voxel of a lesion never vanishes."""
    mask = np.zeros((1, 32, 32), np.uint8)
    mask[0, 8:24, 8:24] = 1
    assert geometry.mask_view(mask, (15.5, 15.5), (32, 32), (8, 8)).sum() == 16
    dot = np.zeros((1, 32, 32), np.uint8)
    dot[0, 11, 20] = 1
    small = geometry.mask_view(dot, (15.5, 15.5), (32, 32), (8, 8))
    assert small.sum() == 1 and small[0, 2, 5] == 1


def test_a_mask_out_of_view_is_empty():
    """Keeping small lesions does not invent one that lies elsewhere."""
    mask = np.zeros((1, 32, 32), np.uint8)
    mask[0, 2, 2] = 1
    assert geometry.mask_view(mask, (25, 25), (8, 8), (8, 8)).sum() == 0
