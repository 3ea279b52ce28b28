"""DiffAugment: the paper's strengths, gradients that are those of the mathematics, 2D and 3D."""

from __future__ import annotations

import itertools

import pytest
import torch

from pipeline.augment.differentiable import POLICIES, augment

SIZES = [(16, 12), (8, 10, 6)]
ALL = tuple(POLICIES)


def images_of(n, channels, size, dtype=torch.float32):
    """White noise in [-1, 1]."""
    rng = torch.Generator().manual_seed(0)
    return torch.rand((n, channels, *size), generator=rng, dtype=dtype) * 2 - 1


def rng(seed=0):
    """A generator."""
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", SIZES)
class TestEveryPolicy:
    """What holds for all of them."""

    @pytest.mark.parametrize("name", ALL)
    def test_gradient(self, name, size):
        """The gradient with respect to images is the numerical one."""
        images = images_of(2, 2, (4,) * len(size), torch.float64).requires_grad_()
        assert torch.autograd.gradcheck(lambda x: augment(x, [name], rng=rng(1)), images)

    @pytest.mark.parametrize("name", ALL)
    def test_images_draw_apart(self, name, size):
        """Sixteen equal images do not come out all alike, and each keeps its shape."""
        images = images_of(1, 2, size).expand(16, -1, *size)
        changed = augment(images, [name], rng=rng())
        assert changed.shape == images.shape
        assert len({tuple(each.flatten().tolist()) for each in changed}) > 1

    @pytest.mark.parametrize("name", ALL)
    def test_same_seed_same_images(self, name, size):
        """A policy draws from its generator and from nothing else."""
        images = images_of(4, 2, size)
        assert torch.equal(augment(images, [name], rng=rng(7)), augment(images, [name], rng=rng(7)))

    @pytest.mark.parametrize("name", ALL)
    def test_probability_zero_touches_nothing(self, name, size):
        """At probability zero images stay as they are, to rounding."""
        images = images_of(4, 2, size)
        changed = augment(images, [name], rng=rng(), probability=0.0)
        assert torch.allclose(changed, images, atol=1e-6)

    def test_probability_touches_its_share(self, size):
        """At a probability of one quarter, a quarter of the images is touched."""
        n = 2000
        images = images_of(1, 1, size).expand(n, -1, *size)
        changed = augment(images, ["brightness"], rng=rng(), probability=0.25)
        touched = (changed - images).abs().flatten(1).amax(1) > 0
        # 5 standard deviations: 5 * sqrt(0.25 * 0.75 / 2000) = 0.048.
        assert abs(float(touched.float().mean()) - 0.25) < 0.048

    def test_no_policy_is_the_identity(self, size):
        """Without names the very images come back."""
        images = images_of(2, 1, size)
        assert augment(images, [], rng=rng()) is images


@pytest.mark.parametrize("size", SIZES)
class TestStrengths:
    """Each policy does what the paper says, and no more."""

    def test_brightness(self, size):
        """One number from [-0.5, 0.5) is added to an image."""
        images = images_of(500, 1, size)
        shift = (augment(images, ["brightness"], rng=rng()) - images).flatten(1)
        assert torch.allclose(shift, shift[:, :1].expand_as(shift), atol=1e-6)
        assert -0.5 <= float(shift.min()) < -0.45 and 0.45 < float(shift.max()) < 0.5 + 1e-6

    def test_contrast(self, size):
        """An image keeps its mean; its deviation is multiplied by a factor from [0.5, 1.5)."""
        images = images_of(500, 2, size)
        changed = augment(images, ["contrast"], rng=rng()).flatten(1)
        assert torch.allclose(changed.mean(1), images.flatten(1).mean(1), atol=1e-5)
        factors = changed.std(1) / images.flatten(1).std(1)
        assert 0.5 <= float(factors.min()) < 0.55 and 1.45 < float(factors.max()) < 1.5 + 1e-5

    def test_saturation(self, size):
        """Pixels keep their mean over channels; one channel has no saturation to change."""
        images = images_of(50, 3, size)
        changed = augment(images, ["saturation"], rng=rng())
        assert torch.allclose(changed.mean(1), images.mean(1), atol=1e-6)
        assert not torch.allclose(changed, images, atol=0.1)
        grey = images[:, :1]
        assert torch.equal(augment(grey, ["saturation"], rng=rng()), grey)

    def test_translation(self, size):
        """Images move by whole pixels up to an eighth of each axis, and zeros move in."""
        reach = [int(length / 8 + 0.5) for length in size]
        images = images_of(1, 1, size).expand(300, -1, *size)
        changed = augment(images, ["translation"], rng=rng())
        wide = torch.zeros(1, *[length + 2 * far for length, far in zip(size, reach, strict=True)])
        inner = tuple(slice(far, far + length) for length, far in zip(size, reach, strict=True))
        wide[(0, *inner)] = images[0, 0]
        windows = wide[0]
        for axis, length in enumerate(size):
            windows = windows.unfold(axis, length, 1)
        possible = windows.reshape(-1, *size)
        distances = torch.stack([(possible - each[0]).flatten(1).abs().amax(1) for each in changed])
        nearest, found = distances.min(1)
        assert float(nearest.max()) < 1e-6
        # 300 draws miss one of 27 equally likely shifts with a chance of 27 * (26 / 27)^300 = 3e-4.
        assert len(possible) <= 27
        assert len(found.unique()) == len(possible)

    def test_cutout(self, size):
        """A box of at most half of each axis is set to zero, and nothing else changes."""
        images = images_of(300, 1, size).abs() + 0.1
        changed = augment(images, ["cutout"], rng=rng())
        hole = changed == 0
        assert torch.equal(changed[~hole], images[~hole])
        for axis, length in enumerate(size, start=2):
            others = [each for each in range(1, images.ndim) if each != axis]
            sides = hole.any(1, keepdim=True).sum(axis).amax([e - (e > axis) for e in others])
            assert int(sides.max()) == length // 2

    def test_flip(self, size):
        """Every combination of flipped axes occurs, and nothing else."""
        images = images_of(1, 1, size).expand(100, -1, *size)
        changed = augment(images, ["flip"], rng=rng())
        every = range(1, 1 + len(size))
        chosen = [axes for count in range(4) for axes in itertools.combinations(every, count)]
        expected = {tuple(images[0].flip(axes).flatten().tolist()) for axes in chosen}
        # 100 draws miss one of at most 8 combinations with a chance of 8 * (7 / 8)^100 = 1e-5.
        assert {tuple(each.flatten().tolist()) for each in changed} == expected


def test_unknown_policy():
    """A wrong name is refused with the names that there are."""
    with pytest.raises(ValueError, match="no policy 'colour'; there are brightness, contrast"):
        augment(torch.zeros(1, 1, 4, 4), ["colour"], rng=rng())
