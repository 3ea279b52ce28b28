"""Scans painted around masks."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.families.pix2pix import Pix2pix, Pix2pixOptions, softened
from pipeline.gan.family import Batch, Shape

SHAPE = Shape(1, (16, 16), 2)


def family(**options):
    """A small one, from a fixed seed."""
    torch.manual_seed(0)
    return Pix2pix(SHAPE, Pix2pixOptions(ngf=4, ndf=4, widest=8, **options))


def batch(count=2):
    """Dark scans with a bright square, and its mask."""
    masks = torch.zeros(count, 1, 16, 16)
    masks[:, :, 4:10, 5:11] = 1.0
    return Batch(torch.arange(count) % 2, masks - 0.5, masks)


def generators(count=2):
    """A seeded generator an image."""
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


@torch.no_grad()
def test_the_mask_that_comes_along_is_the_one_that_was_given():
    """An image's mask is exact, since the image was painted around it."""
    given = Batch(torch.tensor([0, 1]), masks=batch().masks)
    assert torch.equal(family().sample(given, generators()).masks, given.masks)


@pytest.mark.parametrize("dims", [2, 3])
def test_masks_are_softened_at_their_edge_alone(dims):
    """Far inside 1, far outside 0, border pixels in between, and a full mask stays full."""
    mask = torch.zeros(1, 1, *[16] * dims)
    mask[(slice(None), slice(None), slice(8, None))] = 1.0
    line = softened(mask)[(0, 0, slice(None), *[8] * (dims - 1))]
    assert line[:6].eq(0.0).all()
    assert torch.allclose(line[10:], torch.ones(6))
    assert torch.allclose(line[6:10], torch.tensor([1.0, 3.0, 6.0, 8.0]) / 9.0)
    assert torch.allclose(softened(torch.ones(1, 1, *[8] * dims)), torch.ones(1))


def test_the_discriminator_sees_the_mask():
    """The same scan beside another mask gets another logit."""
    pair = batch()
    asked = family()
    moved = Batch(pair.labels, pair.images, pair.masks.roll(3, 2))
    assert not torch.allclose(asked.judge(pair), asked.judge(moved))


def test_the_distance_to_the_real_scan_is_weighted():
    """Twice the weight is twice the term, and none leaves the game alone."""

    def terms(weight):
        return family(l1=weight).loss("generator", batch(), torch.Generator().manual_seed(1)).terms

    assert torch.allclose(terms(6.0)["l1"], 2 * terms(3.0)["l1"])
    assert set(terms(0.0)) == {"generator"}


def test_fewer_levels_judge_more_and_smaller_patches():
    """Of 16 x 16, halved once, 64 places; twice, 16."""
    logits = [
        family(patch_levels=levels).loss("discriminator", batch(), torch.Generator()).real_logits
        for levels in (1, 2)
    ]
    assert [each.shape[1] for each in logits] == [64, 16]
