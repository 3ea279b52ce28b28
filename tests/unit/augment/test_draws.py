"""Draws by one generator a batch, or one an image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.augment.draws import normal, seeds, uniform


def generators(n):
    """One generator an image."""
    return [np.random.default_rng(index) for index in range(n)]


@pytest.mark.parametrize("draw", [uniform, normal])
def test_one_generator_an_image(draw):
    """Row i depends on generator i alone."""
    together = draw(generators(3), 3, (2, 4))
    assert together.shape == (3, 2, 4)
    assert together.dtype == torch.float32
    for index in range(3):
        assert torch.equal(draw([np.random.default_rng(index)], 1, (2, 4))[0], together[index])


@pytest.mark.parametrize("draw", [uniform, normal])
def test_one_generator_a_batch(draw):
    """A seed gives the same batch again, and another batch next."""
    rng = torch.Generator().manual_seed(1)
    first, second = draw(rng, 5, (3,)), draw(rng, 5, (3,))
    assert torch.equal(draw(torch.Generator().manual_seed(1), 5, (3,)), first)
    assert not torch.equal(first, second)


def test_seeds():
    """Seeds come from the image's own generator, or one after another from the batch's."""
    assert seeds(generators(4), 4)[2] == seeds([np.random.default_rng(2)], 1)[0]
    assert len(set(seeds(torch.Generator().manual_seed(0), 50))) == 50


@pytest.mark.parametrize("draw", [uniform, normal, lambda rng, n, _: seeds(rng, n)])
def test_as_many_generators_as_images(draw):
    """A generator too few or too many is refused."""
    for count in (1, 3):
        with pytest.raises(ValueError, match=f"{count} generators for 2 images"):
            draw(generators(count), 2, (1,))


def test_no_images():
    """An empty batch draws nothing."""
    assert uniform([], 0, (3,)).shape == (0, 3)
