"""Levels, directions and pairs, from which the texture matrices are made."""

import numpy as np
import pytest

from pipeline.fidelity.descriptors.levels import directions, discretise, entropy, pairs


def test_bins_divide_the_window_evenly():
    """Both ends are in, and values on an edge belong to the bin above."""
    values = np.array([-1.0, -0.51, -0.5, 0.0, 0.49, 0.5, 1.0])
    assert discretise(values, 4).tolist() == [1, 1, 2, 3, 3, 4, 4]


def test_directions_are_half_of_all_neighbours():
    """No direction comes with its opposite."""
    for dims, count in ((2, 4), (3, 13)):
        found = directions(dims)
        assert len(set(found)) == count
        assert not {tuple(-step for step in each) for each in found} & set(found)


@pytest.mark.parametrize("offset", [(0, 2), (1, -1), (-2, 1), (9, 0)])
def test_pairs_are_an_offset_apart(offset):
    """Every pixel that has another there is met once, and none beyond the edge."""
    places = np.moveaxis(np.indices((5, 4)), 0, -1)
    rows, columns = places[None, ..., 0], places[None, ..., 1]
    apart = [np.subtract(*pairs(axis, offset)[::-1]) for axis in (rows, columns)]
    assert all(np.all(axis == step) for axis, step in zip(apart, offset, strict=True))
    expected = max(5 - abs(offset[0]), 0) * max(4 - abs(offset[1]), 0)
    assert apart[0].size == expected


def test_entropy_is_in_bits():
    """Of n equal shares it is log2 n; an empty share counts nothing."""
    assert entropy(np.array([[0.25] * 4, [0.5, 0.5, 0.0, 0.0]])).tolist() == [2.0, 1.0]
