"""Images are brought to what is wanted, or refused; what means something else is never kept."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.imageset import Meta
from pipeline.readers.fitting import Fitting, Wanted
from pipeline.readers.reader import About, Record
from pipeline.sources.source import UnusableError

RAMP = np.arange(12, dtype=np.int16).reshape(1, 3, 4)


def wanted(
    orientation: str = "PL", unit: str = "HU", shape: tuple[int, ...] = (1, 3, 4), **meta: object
) -> Wanted:
    """16 bits between -100 and 200."""
    names = tuple("abc"[: shape[0]])
    settings = {"window": (-100.0, 200.0), "orientation": orientation, **meta}
    dtype = settings.pop("dtype", np.int16)
    return Wanted(Meta(("cyst",), names, unit, **settings), shape, np.dtype(dtype))


def about(orientation: str = "PL", unit: str = "HU", window=(-100.0, 200.0)) -> About:
    """What a set says."""
    return About(unit, window, np.dtype(np.int16), orientation=orientation)


@pytest.mark.parametrize(
    ("have", "want", "expected"),
    [
        ("AL", "PL", RAMP[:, ::-1]),
        ("PR", "PL", RAMP[:, :, ::-1]),
        ("AR", "PL", RAMP[:, ::-1, ::-1]),
        ("PL", "image", RAMP),
        ("image", "PL", RAMP),
    ],
)
def test_axes_are_turned_where_both_are_known(have, want, expected):
    """And left alone where nobody knows; this is counted."""
    fitting = Fitting(wanted(want), about(have))
    found = fitting(Record("a", "cyst", RAMP))
    assert np.array_equal(found.image, expected)
    assert fitting.changes == ({} if np.array_equal(expected, RAMP) else {"turned": 1})


def test_masks_and_spacing_turn_along():
    """Columns become rows, and their distance with them."""
    plan = wanted("PL", shape=(1, 4, 3))
    fitting = Fitting(Wanted(plan.meta, plan.shape, plan.dtype, masks=True), about("LP"))
    mask = (RAMP > 4).astype(np.uint8)
    found = fitting(Record("a", "cyst", RAMP, mask, (0.5, 2.0)))
    assert np.array_equal(found.image[0], RAMP[0].T)
    assert np.array_equal(found.mask[0], mask[0].T)
    assert found.spacing_mm == (2.0, 0.5)


def test_another_plane_is_refused():
    """Naming both."""
    with pytest.raises(UnusableError, match=r"laid out as IP, and PL is wanted"):
        Fitting(wanted("PL"), about("IP"))(Record("a", "cyst", RAMP))


def test_a_slice_has_its_volumes_spacing_and_too_few_numbers_are_refused():
    """The first two of three numbers are those of rows and columns."""
    fitting = Fitting(wanted(), about())
    assert fitting(Record("a", "cyst", RAMP, None, (0.5, 0.6, 3.0))).spacing_mm == (0.5, 0.6)
    with pytest.raises(UnusableError, match="is 2D, but has a spacing of 1 numbers"):
        fitting(Record("a", "cyst", RAMP, None, (0.5,)))


def test_grey_is_repeated_for_colour_alone():
    """One channel is no examination of two sequences."""
    assert len(Fitting(wanted(shape=(3, 3, 4)), about())(Record("a", "cyst", RAMP)).image) == 3
    with pytest.raises(UnusableError, match="has 1 channels, and 2 are wanted"):
        Fitting(wanted(shape=(2, 3, 4)), about())(Record("a", "cyst", RAMP))


@pytest.mark.parametrize(
    ("unit", "window", "dtype", "expected"),
    [
        ("HU", (-1000.0, 1000.0), np.int16, 11.0),  # HU are HU, however they are shown
        ("grey level", (0.0, 11.0), np.uint8, 200.0),  # white becomes white
        ("grey level", (0.0, 255.0), np.uint8, 11.0),  # the same 8 bits
        ("grey level", (-100.0, 200.0), np.uint8, 11.0),  # the same ends
        ("grey level", None, np.uint8, 11.0),  # nobody says otherwise
    ],
)
def test_grey_levels_are_told_by_black_and_white(unit, window, dtype, expected):
    """16-bit pictures are no 8-bit ones that are too bright."""
    fitting = Fitting(wanted(unit=unit, dtype=dtype), about(unit=unit, window=window))
    assert fitting(Record("a", "cyst", RAMP)).image.max() == expected
