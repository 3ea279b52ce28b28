"""Shape equals the published values of the IBSI's phantom and closed forms."""

import numpy as np
import pytest

from pipeline.fidelity.descriptors.shape import shape
from tests.ibsi_phantom import PHANTOM, SPACING_MM


def disc(radius, size, dims=2):
    """A disc or a ball in the middle."""
    axes = np.meshgrid(*[np.arange(size) - size // 2] * dims, indexing="ij")
    return sum(axis**2 for axis in axes) <= radius**2


def test_the_phantom_has_its_published_shape():
    """The reference manual's section 3.1, each with its published tolerance."""
    found = shape(PHANTOM > 0, SPACING_MM)
    assert found["MeshSize"] == pytest.approx(556, abs=4)
    assert found["Surface"] == pytest.approx(388, abs=3)
    assert found["Sphericity"] == pytest.approx(0.843, abs=0.005)
    assert found["MajorAxisLength"] == pytest.approx(11.4, abs=0.1)
    assert found["MinorAxisLength"] == pytest.approx(9.31, abs=0.06)
    assert found["LeastAxisLength"] == pytest.approx(8.54, abs=0.05)
    assert found["Elongation"] == pytest.approx(0.816, abs=0.005)
    assert found["Flatness"] == pytest.approx(0.749, abs=0.005)


def test_a_disc_has_its_area_and_is_round():
    """Its area is pi r^2; the outline of pixels is up to 8% longer than a circle."""
    found = shape(disc(20, 51), np.ones(2))
    assert found["MeshSize"] == pytest.approx(np.pi * 20**2, rel=0.02)
    assert 0.92 < found["Sphericity"] <= 1.0
    assert found["MajorAxisLength"] == pytest.approx(40.0, rel=0.02)
    assert found["Elongation"] == pytest.approx(1.0, abs=1e-6)
    assert found["Extent"] == pytest.approx(np.pi / 4, rel=0.05)


def test_an_ellipse_is_as_eccentric_as_its_axes_say():
    """Semi-axes 20 and 10: elongation 1/2, eccentricity sqrt(3)/2; spacing counts."""
    y, x = np.mgrid[-25:26, -25:26]
    ellipse = (x / 20) ** 2 + (y / 10) ** 2 <= 1
    found = shape(ellipse, np.ones(2))
    assert found["Elongation"] == pytest.approx(0.5, abs=0.02)  # a pixel of 20
    assert found["Eccentricity"] == pytest.approx(np.sqrt(3) / 2, rel=0.02)
    round_again = shape(ellipse, np.array([2.0, 1.0]))
    assert round_again["Elongation"] == pytest.approx(1.0, abs=0.04)
    assert round_again["MeshSize"] == pytest.approx(2 * found["MeshSize"], rel=1e-9)


def test_a_hole_is_taken_off_and_lengthens_the_outline():
    """A ring has the area of the difference."""
    whole, ring = disc(10, 31), disc(10, 31) & ~disc(4, 31)
    filled, hollow, inner = (shape(each, np.ones(2)) for each in (whole, ring, disc(4, 31)))
    # The hole's outline lies half a pixel nearer to the hole's middle than the disc's own.
    assert hollow["MeshSize"] < filled["MeshSize"] - 0.8 * inner["MeshSize"]
    assert hollow["Surface"] > filled["Surface"]


def test_a_ball_has_its_volume_and_a_rod_is_long():
    """4/3 pi r^3; a rod's two short axes are equal."""
    ball = shape(disc(8, 21, dims=3), np.ones(3))
    assert ball["MeshSize"] == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.03)
    assert ball["Sphericity"] > 0.9
    rod = np.zeros((9, 9, 30), bool)
    rod[3:6, 3:6, 5:25] = True
    found = shape(rod, np.ones(3))
    assert found["Flatness"] == pytest.approx(found["Elongation"])
    assert found["Elongation"] < 0.2


@pytest.mark.parametrize("dims", [2, 3])
def test_an_empty_region_has_zeros_and_one_pixel_has_figures(dims):
    """Nothing is undefined."""
    empty = np.zeros((5,) * dims, bool)
    assert set(shape(empty, np.ones(dims)).values()) == {0.0}
    empty[(2,) * dims] = True
    found = shape(empty, np.ones(dims))
    assert found["MeshSize"] > 0
    assert all(np.isfinite(value) for value in found.values())
