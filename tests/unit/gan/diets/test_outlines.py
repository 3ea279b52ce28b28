"""Masks warped, and masks drawn after the likeness of others."""

from __future__ import annotations

import math

import pytest
import torch

from pipeline.gan.diets.outlines import Outlines, warped


def ball(size, radius, centre=None):
    """A mask (1, 1, *size) of a ball, in the middle by default."""
    centre = [(length - 1) / 2 for length in size] if centre is None else centre
    squared = torch.zeros(size)
    for axis, (length, middle) in enumerate(zip(size, centre, strict=True)):
        shape = [1] * len(size)
        shape[axis] = length
        squared = squared + (torch.arange(length).view(shape) - middle).square()
    return (squared <= radius**2).float()[None, None]


def generator(seed=0):
    """Seeded, on the CPU."""
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [(32, 32), (20, 20, 20)], ids=str)
def test_drawn_masks_of_equal_balls_are_such_balls(size):
    """Masks that do not differ leave nothing to chance but bumps, which a ball has hardly any of.

    A ball's volume differs from its pixels' by its border, about a pixel of radius.
    """
    masks = torch.cat([ball(size, 7.0)] * 5)
    outlines = Outlines.of(masks)
    assert outlines.roughness < 0.1
    drawn = outlines.draw(generator())
    overlap = 2 * (drawn * masks[:1]).sum() / (drawn.sum() + masks[0].sum())
    assert drawn.shape == (1, 1, *size)
    assert overlap > 0.93


def test_drawn_masks_vary_in_size_as_the_real_ones_do():
    """Mean and spread of the logarithm of the size come back, within 5 standard errors.

    Of 100 draws the mean's standard error is s / 10, and the deviation's about s / 14.
    """
    radii = torch.linspace(4.0, 10.0, 20)
    masks = torch.cat([ball((40, 40), radius) for radius in radii])
    outlines = Outlines.of(masks)
    drawn = torch.stack([outlines.draw(generator(seed)).sum().log() for seed in range(100)])
    real = masks.flatten(1).sum(1).log()
    assert drawn.mean() == pytest.approx(float(real.mean()), abs=5 * float(real.std()) / 10)
    assert drawn.std() == pytest.approx(float(real.std()), abs=5 * float(real.std()) / 14)


def test_drawn_masks_lie_where_the_real_ones_do():
    """The centres' mean is that of the masks drawn from."""
    masks = torch.cat([ball((32, 32), 4.0, (10 + shift, 20)) for shift in (-2, -1, 0, 1, 2)])
    outlines = Outlines.of(masks)
    drawn = torch.cat([outlines.draw(generator(seed)) for seed in range(50)])
    centre = torch.stack([mask[0].nonzero().double().mean(0) for mask in drawn]).mean(0)
    # Five standard errors of a deviation of 1.6, and the rounding of pixels.
    assert centre.tolist() == pytest.approx([10, 20], abs=1.3)


def test_rougher_masks_give_rougher_ones():
    """A star leaves its ellipsoid farther than a disc, and so do the masks drawn after it."""
    angle = torch.linspace(-math.pi, math.pi, 41)[:-1]
    star = torch.zeros(1, 1, 40, 40)
    for turn in angle:
        for radius in torch.arange(0.0, float(9 + 6 * torch.sin(5 * turn)), 0.3):
            row, column = 20 + radius * torch.sin(turn), 20 + radius * torch.cos(turn)
            star[0, 0, int(row.round()), int(column.round())] = 1.0
    assert Outlines.of(star).roughness > 3 * Outlines.of(ball((40, 40), 9.0)).roughness


def test_classes_without_lesions_get_empty_masks():
    """Where every mask is empty, so is each drawn one; where half are, about half.

    Of 200 draws 100 are expected, with five standard deviations of 7.
    """
    empty, full = torch.zeros(4, 1, 16, 16), torch.cat([ball((16, 16), 4.0)] * 4)
    assert not Outlines.of(empty).draw(generator()).any()
    half = Outlines.of(torch.cat([empty, full]))
    filled = sum(bool(half.draw(generator(seed)).any()) for seed in range(200))
    assert filled == pytest.approx(100, abs=35)


def test_one_mask_is_enough():
    """A class with a single mask gives that mask's ellipsoid."""
    drawn = Outlines.of(ball((16, 16), 4.0)).draw(generator())
    assert drawn.sum() == pytest.approx(math.pi * 16, rel=0.25)


@pytest.mark.parametrize("size", [(32, 32), (16, 16, 16)], ids=str)
def test_warping_moves_a_mask_a_little(size):
    """A warped mask is still of 0 and 1, overlaps the original, and is another one."""
    mask = ball(size, 5.0)
    moved = warped(mask, 1.0, rng=generator(), spacing=torch.ones(1, len(size)))
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    assert 0.5 < 2 * (moved * mask).sum() / (moved.sum() + mask.sum()) < 1.0


def test_warping_by_nothing_changes_nothing():
    """A strength of 0 gives the mask itself."""
    mask = ball((20, 20), 5.0)
    assert torch.equal(warped(mask, 0.0, rng=generator(), spacing=torch.ones(1, 2)), mask)


def test_warping_never_loses_a_lesion():
    """A lesion of one pixel, which interpolation thins out, is still there each time."""
    mask = torch.zeros(50, 1, 16, 16)
    mask[:, :, 0, 0] = 1.0
    moved = warped(mask, 1.0, rng=generator(), spacing=torch.ones(50, 2))
    assert moved.flatten(1).any(1).all()
