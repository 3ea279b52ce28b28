"""Lesions in holes in real tissue."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.families.inpainting import Inpainting, InpaintingOptions, nearness, windows
from pipeline.gan.family import Batch, Shape

SHAPE = Shape(1, (16, 16), 2)


def family(**options):
    """A small one, from a fixed seed."""
    torch.manual_seed(0)
    return Inpainting(SHAPE, InpaintingOptions(ngf=4, ndf=4, widest=8, **options))


def batch(count=4):
    """Noise with a square hole around a smaller lesion."""
    masks, holes = torch.zeros(count, 1, 16, 16), torch.zeros(count, 1, 16, 16)
    masks[:, :, 5:9, 6:10] = 1.0
    holes[:, :, 3:11, 4:12] = 1.0
    images = torch.rand(masks.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Batch(torch.arange(count) % 2, images, masks, {"holes": holes})


def generators(count=4):
    """A seeded generator an image."""
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


@torch.no_grad()
def test_real_pixels_stay_exactly_as_they_are():
    """Outside the hole nothing changes, to the bit; inside it everything does."""
    given = batch()
    made = family().sample(given, generators())
    known = given.extra["holes"] == 0
    assert torch.equal(made.images[known], given.images[known])
    assert (made.images[~known] != given.images[~known]).all()


@torch.no_grad()
def test_the_hole_is_filled_without_looking_into_it():
    """What was in the hole, blank or not, leaves no trace."""
    given = batch()
    blank = torch.where(given.extra["holes"] > 0, 0.0, given.images)
    asked = family()
    seen = asked.sample(given, generators()).images
    unseen = asked.sample(Batch(given.labels, blank, extra=given.extra), generators()).images
    assert torch.equal(seen, unseen)


@torch.no_grad()
def test_the_lesion_lies_in_the_hole():
    """The mask is of 0 and 1, and 0 outside the hole, however large the lesion would be."""
    asked = family()
    # The mask's channel alone is biased, until all would be lesion.
    asked.networks["generator"].images[-1].bias[1] = 100.0
    masks = asked.sample(batch(), generators()).masks
    assert torch.equal(masks, batch().extra["holes"])


def test_the_mask_gets_a_gradient_through_its_edges():
    """Hard as it is, the discriminators' judgement reaches the layer that draws it."""
    asked = family(l1=0.0)
    terms = asked.loss("generator", batch(), torch.Generator().manual_seed(1)).terms
    terms["generator"].backward()
    last = asked.networks["generator"].images[-1].weight.grad
    assert (last.flatten(1).abs().sum(1) > 0).all()


@pytest.mark.parametrize(("crossed", "low", "high"), [(0.0, 0.0, 0.0), (0.5, 0.19, 0.31)])
def test_some_holes_are_filled_with_a_class_of_chance(crossed, low, high):
    """Half of them, of which half hit the scan's own of two: a quarter of 2000 (5 sd = .05)."""
    own = torch.zeros(2000, dtype=torch.int64)
    asked = family(crossed=crossed)._asked(own, torch.Generator().manual_seed(0))
    assert low <= float((asked != own).float().mean()) <= high


def test_nearness_falls_with_the_distance_to_known_tissue():
    """A hole of 5 x 5 has rings of 16, 8 and 1 pixels, 1, 2 and 3 steps deep."""
    holes = torch.zeros(1, 1, 9, 9)
    holes[:, :, 2:7, 2:7] = 1.0
    weight = nearness(holes, 0.5)
    assert weight[0, 0, 4].tolist() == [0, 0, 0.5, 0.25, 0.125, 0.25, 0.5, 0, 0]
    assert weight.sum() == 16 * 0.5 + 8 * 0.25 + 0.125


def test_windows_lie_around_the_holes_and_inside_the_image():
    """In the middle of a hole; at a border, moved inwards."""
    images = torch.arange(144.0).view(1, 1, 12, 12).repeat(2, 1, 1, 1)
    holes = torch.zeros(2, 1, 12, 12)
    holes[0, :, 4:8, 5:9] = 1.0
    holes[1, :, 0:2, 10:12] = 1.0
    cut = windows(images, holes, (4, 4))
    assert torch.equal(cut[0], images[0, :, 4:8, 5:9])
    assert torch.equal(cut[1], images[1, :, 0:4, 8:12])
