"""Mixup mixes images and labels alike; online augmentation reaches the share that asks for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.augment.choice import choose_online
from pipeline.classifier.batches import TrainingDiet, batches, mixup
from pipeline.config import Augment
from pipeline.data import Pool
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from tests.labelled_noise import labelled_noise


def drawn(diet, *, seed=0, steps=20, transform=None):
    """All batches of a diet."""
    return list(
        batches(diet, batch=8, steps=steps, mixup_alpha=0.4, seed=seed, transform=transform)
    )


def mark(images, rng, spacing):
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


def test_pools_are_mixed_in_the_first_batches_alone(real, tmp_path):
    """Until 60% of the batches the second pool has its share; then the first one has them all."""
    other = labelled_noise(tmp_path / "other", [0, 1] * 6)
    pools = [Pool(real, 0.75), Pool(other, 0.25, transformed=1.0)]
    until = drawn(TrainingDiet(pools, mixed_until=0.6), transform=mark)
    assert [int((images == 5.0).flatten(1).all(1).sum()) for images, _ in until] == [2] * 12 + [
        0
    ] * 8
    whole = drawn(TrainingDiet(pools), transform=mark)
    for (images, _), (others, _) in zip(until[:12], whole[:12], strict=True):
        assert torch.equal(images, others)
    # Passes over twelve images: in 64 draws each comes five or six times.
    seen = torch.cat([images for images, _ in until[12:]])
    counts = torch.unique(seen.flatten(1), dim=0, return_counts=True)[1]
    assert sorted(set(counts.tolist())) == [5, 6]
    assert counts.sum() == 64


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

    def noise(images, rng, spacing):
        return images + torch.randn(images.shape, generator=rng)

    diet = TrainingDiet([Pool(real, transformed=1.0)], mixing="mixup")
    first, again, other = (drawn(diet, seed=seed, transform=noise) for seed in (0, 0, 1))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], other[0][0])


def test_online_without_a_transform_is_refused(real):
    """Silently training without augmentation would make the arm another one."""
    with pytest.raises(ValueError, match="no transform"):
        drawn(TrainingDiet([Pool(real, transformed=1.0)]))


def rods(root, spacing_mm):
    """Volumes of 24 x 24 x 12 voxels with a rod of 16 voxels along the first axis."""
    size = (24, 24, 12)
    meta = Meta(("rod", "none"), ("CT",), "HU", (-1.0, 1.0))
    with ImageSetWriter(root, meta, capacity=4, shape=(1, *size), dtype=np.int16) as writer:
        for number in range(4):
            image = np.full((1, *size), -1)
            image[0, 4:20, 10:14, 5:7] = 1
            writer.add(
                image,
                image_id=f"i{number}",
                label="rod",
                patient_id="p",
                origin="real",
                spacing_mm=spacing_mm,
            )
    return ImageSet.open(root)


def rod_length(image, spacing):
    """The standard deviation of what is bright along its longest direction, in mm."""
    middle = (torch.tensor(image.shape[1:]) - 1) / 2
    places = (torch.nonzero(image[0] > 0) - middle) * torch.tensor(spacing)
    # Further out lies the rod's mirror image, which pads the corners.
    places = places[places.norm(dim=1) < 15]
    return float(torch.linalg.eigvalsh(torch.cov(places.T))[-1].sqrt())


def test_online_rotation_is_rigid_in_the_patient(tmp_path):
    """However a rod in voxels of 1.5 x 1.5 x 3 mm is turned, its length in mm stays."""
    section = Augment(
        rotation_degrees=180, flip=False, translation=0, scale=0, elastic=0, brightness=0,
        contrast=0, gamma=0, noise=0, blur=0,
    )  # fmt: skip
    spacing = (1.5, 1.5, 3.0)
    diet = TrainingDiet([Pool(rods(tmp_path, spacing), transformed=1.0)])
    found = drawn(diet, steps=4, transform=choose_online(section, 3))
    lengths = [rod_length(image, spacing) for images, _ in found for image in images]
    assert lengths == pytest.approx([16 / 12**0.5 * 1.5] * 32, rel=0.06)


def test_each_image_comes_with_the_spacing_of_its_row(tmp_path):
    """Proportions only, of whichever set; ones where spacing is unknown."""
    sets = [
        labelled_noise(tmp_path / "flat", [0, 1] * 3, spacing_mm=(0.5, 1.25)),
        labelled_noise(tmp_path / "even", [0, 1] * 3, spacing_mm=(0.7, 0.7)),
        labelled_noise(tmp_path / "unknown", [0, 1] * 3),
    ]
    seen = []

    def look(images, rng, spacing):
        seen.append(spacing.tolist())
        return images

    pools = [
        Pool(images, share, transformed=1.0)
        for images, share in zip(sets, (0.5, 0.25, 0.25), strict=True)
    ]
    drawn(TrainingDiet(pools), steps=2, transform=look)
    assert seen == [[[1.0, 2.5]] * 4 + [[1.0, 1.0]] * 4] * 2
