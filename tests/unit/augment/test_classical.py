"""The default augmentation: masks follow images, samples replay, batches do not matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.augment.classical import ClassicalAugmentation
from pipeline.augment.intensity import IntensityRanges
from pipeline.augment.spatial import SpatialRanges

SIZES = [(33, 28), (12, 10, 14)]


def augmentation(dims):
    """Every transform, at an ordinary strength."""
    return ClassicalAugmentation(
        SpatialRanges(60.0, tuple(range(dims)), 0.1, 0.15, 0.05),
        IntensityRanges(0.05, 0.1, 0.1, 0.02, 0.6),
    )


def images_of(n, size):
    """White noise in [-1, 1]."""
    return torch.rand((n, 1, *size), generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("size", SIZES)
class TestClassicalAugmentation:
    """In 2D and 3D alike."""

    def test_nothing_in_range_is_the_identity(self, size):
        """With zero ranges images and masks come back as they are."""
        images, masks = images_of(3, size), torch.ones(3, 1, *size, dtype=torch.uint8)
        nothing = ClassicalAugmentation(SpatialRanges(), IntensityRanges())
        result = nothing(images, rng=torch.Generator(), masks=masks)
        assert torch.equal(result.images, images)
        assert torch.equal(result.masks, masks)

    def test_masks_follow_images(self, size):
        """A mask that is the bright half of its image stays so, up to interpolation at its edge."""
        dims = len(size)
        images = torch.full((8, 1, *size), -1.0)
        images[:, :, : size[0] // 2] = 1.0
        masks = (images > 0).to(torch.uint8)
        spatial = ClassicalAugmentation(augmentation(dims).spatial, IntensityRanges())
        result = spatial(images, rng=torch.Generator().manual_seed(1), masks=masks)
        assert result.masks.dtype == torch.uint8
        # Linear interpolation is nearer the value of the nearest pixel in 2D and 3D whenever only
        # one edge passes, which leaves the pixels that the edge itself splits.
        agrees = (result.images > 0) == result.masks.bool()
        assert float(agrees.float().mean()) > 0.97
        assert not torch.equal(result.masks, masks)

    def test_no_border_of_another_value(self, size):
        """A constant image stays constant: nothing from outside comes in."""
        spatial = ClassicalAugmentation(augmentation(len(size)).spatial, IntensityRanges())
        flat = torch.full((8, 1, *size), 0.4)
        moved = spatial(flat, rng=torch.Generator().manual_seed(0)).images
        assert torch.allclose(moved, flat, atol=1e-6)

    def test_replay_from_parameters(self, size):
        """Applying the drawn parameters again gives the same bytes."""
        augment = augmentation(len(size))
        images = images_of(4, size)
        parameters = augment.draw(tuple(images.shape), rng=torch.Generator().manual_seed(2))
        first = augment.apply(images, parameters).images
        assert torch.equal(augment.apply(images, parameters).images, first)
        drawn_again = augment(images, rng=torch.Generator().manual_seed(2)).images
        assert torch.equal(drawn_again, first)

    def test_one_generator_an_image_makes_it_independent(self, size):
        """An image is the same alone, in a batch, and at another place of a batch."""
        augment = augmentation(len(size))
        images = images_of(7, size)
        rngs = [np.random.default_rng(index) for index in range(7)]
        together = augment(images, rng=rngs).images
        backwards = [np.random.default_rng(index) for index in reversed(range(7))]
        assert torch.equal(augment(images.flip(0), rng=backwards).images.flip(0), together)
        for index in range(7):
            alone = augment(images[index : index + 1], rng=[np.random.default_rng(index)])
            assert torch.equal(alone.images[0], together[index])

    def test_every_image_differs(self, size):
        """Equal images of a batch come out all different, with one generator or with many."""
        images = images_of(1, size).expand(6, -1, *([-1] * len(size)))
        for rng in (
            torch.Generator().manual_seed(0),
            [np.random.default_rng(index) for index in range(6)],
        ):
            changed = augmentation(len(size))(images, rng=rng).images
            assert len({tuple(each.flatten().tolist()) for each in changed}) == 6

    def test_an_empty_batch(self, size):
        """No images give no images."""
        nothing = augmentation(len(size))(torch.zeros(0, 1, *size), rng=torch.Generator())
        assert nothing.images.shape == (0, 1, *size)
