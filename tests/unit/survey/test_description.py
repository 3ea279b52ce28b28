"""Ranges, percentiles and what follows from them."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.survey.description import Values, ranges, spread, suggested_size


def test_ranges_are_told_by_axis():
    """One number where all agree."""
    assert ranges([(20, 18), (48, 18)], "px") == "20\N{EN DASH}48 x 18 px"
    assert ranges([], "mm") == "not told"


def test_percentiles_are_of_all_images_together():
    """Of 0 to 100, once in each of two images, the percentiles are themselves."""
    values = Values()
    values.add(np.arange(101))
    values.add(np.append(np.arange(101.0), np.nan))
    assert values.at(0, 1, 50, 100) == (0.0, 1.0, 50.0, 100.0)
    assert values.shown("HU").startswith("0 to 100 HU (1%: 1, 5%: 5, 50%: 50,")
    assert "of 2 images" in values.shown("HU")


def test_large_images_are_sampled_evenly():
    """As many values as one fixed number, whatever the size."""
    values = Values()
    values.add(np.arange(4096 * 10))
    assert len(values.parts[0]) == 4096
    assert values.at(50)[0] == pytest.approx(4096 * 5, abs=10)


@pytest.mark.parametrize(
    ("low", "high", "window"),
    [(-983.0, 412.0, (-1000.0, 500.0)), (3.0, 3.0, (3.0, 4.0)), (0.0, 37.0, (0.0, 37.0))],
)
def test_a_window_holds_the_middle_in_round_numbers(low, high, window):
    """Two digits of the range, rounded outwards; never empty."""
    values = Values()
    values.add(np.linspace(low, high, 4001))
    found = values.window()
    assert found[0] < found[1]
    assert found == pytest.approx(window, abs=0.011 * max(1.0, high - low))


def test_nothing_is_no_error():
    """Where no image could be read."""
    assert Values().at(0, 100) == (0.0, 0.0)
    assert Values().window() == (0.0, 1.0)


def test_a_spread_keeps_both_ends():
    """And all where there are few."""
    assert spread(list(range(100)), 3) == [0, 49, 99]
    assert spread([1, 2], 3) == [1, 2]


def test_large_images_get_a_larger_size():
    """From 128 pixels on."""
    assert suggested_size([20, 40]) == suggested_size([]) == (32, 32)
    assert suggested_size([128, 512]) == (64, 64)
