"""Pixels and numbers survive what DICOM can write."""

from __future__ import annotations

import uuid

import numpy as np
import pytest

from pipeline.exports.dicom_values import decimal, to_sixteen_bits, unique_identifier


def restored(image: np.ndarray) -> tuple[np.ndarray, float]:
    """What a reader computes, and half of the step that it goes by."""
    stored = to_sixteen_bits(image)
    slope, intercept = float(stored.slope), float(stored.intercept)
    assert max(len(stored.slope), len(stored.intercept)) <= 16
    return stored.pixels.astype(np.float64) * slope + intercept, slope / 2


@pytest.mark.parametrize(
    "values",
    [[-1024, 3071], [0, 65535], [-32768, 32767], [7, 7]],
)
def test_whole_numbers_that_fit_are_kept(values: list[int]) -> None:
    """With a slope of one, whatever type they had."""
    image = np.array(values, np.int32)
    stored = to_sixteen_bits(image)
    assert (stored.slope, stored.intercept) == ("1", "0")
    assert np.array_equal(stored.pixels, image)


@pytest.mark.parametrize(
    "values",
    [
        [-1000.25, 0.1, 399.9],
        [0.0, 1e-7 / 3],
        [1e6 / 3, 1e6],
        [-70000, 5, 70000],
        [-1.0 / 3, 2.0 / 3, 0.1],
    ],
)
def test_other_values_come_back_within_half_a_step(values: list[float]) -> None:
    """A step is the range over 65535, up to the digits that a header has."""
    image = np.array(values)
    found, half = restored(image)
    # An intercept of 16 characters is off by up to its last digit.
    assert np.abs(found - image).max() <= half * (1 + 1e-6) + np.abs(image).max() * 1e-9
    assert half == pytest.approx((image.max() - image.min()) / 65535 / 2, rel=1e-6)


def test_one_value_comes_back() -> None:
    """Without a range there is no step, and no division by it."""
    found, _ = restored(np.full((2, 2), 0.5, np.float32))
    assert np.array_equal(found, np.full((2, 2), 0.5))


@pytest.mark.parametrize(
    ("number", "text"),
    [(1.0, "1"), (0.7, "0.7"), (1.23047, "1.23047"), (-0.0, "0"), (1 / 3, "0.33333333333333")],
)
def test_numbers_are_short_enough(number: float, text: str) -> None:
    """As many digits as 16 characters hold, and no more than are needed."""
    assert decimal(number) == text


def test_identifiers_are_uuids() -> None:
    """Below 2.25 stands a UUID of the standard's kind, which depends on all names."""
    made = unique_identifier(1, "a", "bc", 2)
    assert made.startswith("2.25.")
    assert uuid.UUID(int=int(made[5:])).variant == uuid.RFC_4122
    others = [unique_identifier(1, "ab", "c", 2), unique_identifier(2, "a", "bc", 2)]
    assert len({made, *others}) == 3
    assert made == unique_identifier(1, "a", "bc", 2)
