"""Latents: one generator a row, truncation, and walks along an arc."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.latents import normal, walk


def rngs(*seeds):
    """A generator a seed."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_a_row_is_its_generators_alone():
    """Row 5 is the same beside other rows and in another order."""
    assert torch.equal(normal(8, rngs(3, 5))[1], normal(8, rngs(5))[0])
    assert not torch.equal(*normal(8, rngs(3, 5)))


def test_truncation_scales():
    """Half the truncation, half of every number; one is the normal distribution itself."""
    assert torch.equal(normal(8, rngs(3), truncation=0.5), 0.5 * normal(8, rngs(3)))
    assert torch.equal(normal(8, rngs(3))[0], torch.randn(8, generator=rngs(3)[0]))


def test_a_walk_stays_on_the_arc():
    """Between equally long latents the length stays and each step turns by the same angle."""
    start = torch.tensor([2.0, 0.0, 0.0])
    end = torch.tensor([-1.0, 3.0**0.5, 0.0])  # 120 degrees on
    steps = walk(start, end, 5)
    assert steps.norm(dim=1).tolist() == pytest.approx([2.0] * 5, rel=1e-6)
    turns = (steps[1:] * steps[:-1]).sum(1) / 4.0
    assert turns.tolist() == pytest.approx([3.0**0.5 / 2] * 4, rel=1e-5)  # cosine of 30 degrees


def test_a_walk_ends_where_it_should():
    """Its first and last latents are the given ones, of whatever shape and lengths."""
    start, end = normal(12, rngs(0, 1)).reshape(2, 3, 4)
    steps = walk(start, 2 * end, 7)
    assert steps.shape == (7, 3, 4)
    assert torch.equal(steps[0], start)
    assert torch.equal(steps[-1], 2 * end)


@pytest.mark.parametrize("factor", [1.0, 3.0, -1.0])
def test_a_walk_along_a_line_is_straight(factor):
    """Where no arc is defined, latents of one direction or opposite ones, it goes straight."""
    start = torch.tensor([1.0, 2.0])
    steps = walk(start, factor * start, 3)
    assert torch.allclose(steps[1], (1 + factor) / 2 * start)
    assert torch.equal(steps[-1], factor * start)
