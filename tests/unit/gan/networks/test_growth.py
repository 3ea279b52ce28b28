"""Levels, how far a training has grown, and what is seen of an image by then."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.networks.growth import Growth, Ladder, enlarged
from pipeline.gan.networks.layers import Pyramid


def growth(size=(32, 32), coarsest=8, rounds=40.0):
    """Grows to full size in 40 rounds."""
    return Growth(Ladder(Pyramid.of(size), coarsest), rounds)


def at(growing, step):
    """How far it has grown in a round."""
    growing.round.fill_(step)
    return growing()


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 1.0), (10, 1.0), (15, 1.5), (20, 2.0), (30, 2.0), (36, 2.6), (40, 3.0), (79, 3.0)],
)
def test_growth_follows_the_round(step, expected):
    """From 8 to 32 pixels: each level rests for ten rounds, the next is faded in over ten."""
    assert at(growth(), step) == pytest.approx(expected)


def test_growth_can_start_coarser_or_not_happen():
    """From 4 pixels with coarsest 4; at full size from the start in no rounds, or with no level."""
    assert growth(coarsest=4)() == 0.0
    assert growth(rounds=0.0)() == 3.0
    assert growth((8, 8))() == 1.0


def test_real_images_are_blurred_to_the_growth():
    """Means of blocks; half way between two levels, the mean of both."""
    ladder = growth().ladder
    images = torch.arange(1024.0).reshape(1, 1, 32, 32) / 1024
    coarse, half, fine, full = (ladder.blurred(images, grown) for grown in (1.0, 1.5, 2.0, 3.0))
    assert coarse[0, 0, :4, :4].unique().tolist() == [images[0, 0, :4, :4].mean().item()]
    assert fine[0, 0, 2:4, :2].unique().tolist() == [images[0, 0, 2:4, :2].mean().item()]
    assert torch.allclose(half, (coarse + fine) / 2)
    assert torch.equal(full, images)


def test_shrinking_undoes_enlarging():
    """A block's mean is the pixel that it was made of, along thin axes too."""
    ladder = growth((8, 20, 16)).ladder
    for level, size in ((0, (4, 5, 4)), (1, (8, 10, 8)), (2, (8, 20, 16))):
        images = torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(level))
        large = ladder.enlarged(images, level)
        assert large.shape[2:] == (8, 20, 16)
        assert torch.allclose(ladder.shrunk(large, level), images)


def test_enlarges_each_axis_by_its_factor():
    """Pixels are repeated, never mixed."""
    image = torch.tensor([[[[1.0, 2.0]]]])
    assert enlarged(image, (1, 2)).tolist() == [[[[1.0, 1.0, 2.0, 2.0]]]]
    assert enlarged(image, (1, 1)) is image
