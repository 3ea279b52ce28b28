"""Mixup mixes images and labels alike; online augmentation reaches the share that asks for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.classifier.batches import TrainingDiet, batches, mixup
from pipeline.data import Pool
from tests.labelled_noise import labelled_noise


def drawn(diet, *, seed=0, steps=20, transform=None):
    """All batches of a diet."""
    return list(
        batches(diet, batch=8, steps=steps, mixup_alpha=0.4, seed=seed, transform=transform)
    )


def mark(images, rng):
    """A transform that shows: beyond the range of any image."""
    return torch.full_like(images, 5.0)


@pytest.fixture
def real(tmp_path):
    """Twelve images of two classes."""
    return labelled_noise(tmp_path / "real", [0, 1] * 6)


def test_mixup_is_a_convex_combination_with_a_partner():
    """Images whose value is their row show the weight; targets carry the same one."""
    images = torch.arange(4.0).reshape(4, 1, 1, 1)
    targets = torch.eye(4)
    mixed, shared = mixup(images, targets, alpha=1.0, rng=np.random.default_rng(1))
    # A target is weight * own + (1 - weight) * partner's, so it predicts the mixed pixel exactly.
    torch.testing.assert_close(shared @ torch.arange(4.0), mixed.flatten())
    torch.testing.assert_close(shared.sum(dim=1), torch.ones(4))
    assert len(shared.unique()) > 2


def test_mixup_follows_its_beta_distribution():
    """Small alpha leaves images nearly apart, great alpha mixes them by halves."""
    targets = torch.eye(2)

    def purity(alpha):
        rng = np.random.default_rng(0)
        each = [mixup(targets, targets, alpha=alpha, rng=rng)[1].max() for _ in range(200)]
        return float(torch.stack(each).mean())

    # A permutation of two is the identity half of the time, which is pure whatever the weight.
    assert purity(0.01) > 0.97
    assert purity(1000.0) < 0.80


def test_targets_are_one_hot_without_mixing(real):
    """Labels become certainties over the classes, in the order of meta.classes."""
    images, targets = drawn(TrainingDiet([Pool(real)]))[0]
    assert tuple(images.shape) == (8, 1, 8, 8)
    assert tuple(targets.shape) == (8, 2)
    assert set(targets.flatten().tolist()) == {0.0, 1.0}
    # The brighter image is the second class's.
    means = images.mean(dim=(1, 2, 3))
    assert means[targets[:, 1] == 1].min() > means[targets[:, 0] == 1].max()


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_online_augmentation_reaches_its_share(real, share):
    """Over 1,600 draws the share is met within four standard deviations."""
    found = drawn(TrainingDiet([Pool(real, transformed=share)]), steps=200, transform=mark)
    marked = torch.cat([(images == 5.0).all(dim=(1, 2, 3)) for images, _ in found])
    allowed = 4 * (share * (1 - share) / len(marked)) ** 0.5
    assert abs(float(marked.float().mean()) - share) <= allowed


def test_only_the_pool_that_asks_is_augmented(real):
    """A stored augmented set is not augmented twice because its neighbour is online."""
    diet = TrainingDiet([Pool(real, 0.5), Pool(real, 0.5, transformed=1.0)])
    for images, _ in drawn(diet, transform=mark):
        changed = (images == 5.0).all(dim=(1, 2, 3))
        assert changed.tolist() == [False] * 4 + [True] * 4


def test_turning_one_draw_off_leaves_the_others(real):
    """Which images are drawn does not depend on augmentation or mixing."""
    plain = drawn(TrainingDiet([Pool(real)]))
    online = drawn(TrainingDiet([Pool(real, transformed=0.5)]), transform=mark)
    for (_, one), (_, other) in zip(plain, online, strict=True):
        assert torch.equal(one, other)


def test_seed_alone_decides(real):
    """The same seed gives equal batches, augmentation and mixing included."""

    def noise(images, rng):
        return images + torch.randn(images.shape, generator=rng)

    diet = TrainingDiet([Pool(real, transformed=1.0)], mixing="mixup")
    first, again, other = (drawn(diet, seed=seed, transform=noise) for seed in (0, 0, 1))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], other[0][0])


def test_online_without_a_transform_is_refused(real):
    """Silently training without augmentation would make the arm another one."""
    with pytest.raises(ValueError, match="no transform"):
        drawn(TrainingDiet([Pool(real, transformed=1.0)]))
