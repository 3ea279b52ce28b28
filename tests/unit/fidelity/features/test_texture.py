"""Features that nothing is trained for: what moves them, and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.fidelity.features.texture import Texture
from pipeline.imageset import ImageSet, ImageSetWriter, Meta

SIZES = [(16, 16), (12, 12, 12)]
THUMBNAIL = 4


def balls(count, size, *, radius=4.0, noise=0.1, blur=0.0, seed=0):
    """Bright balls of about a radius on a dark ground, (count, 1, *size) in [-1, 1]."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.arange(length) - (length - 1) / 2 for length in size], indexing="ij")
    images = []
    for _ in range(count):
        places = [axis - rng.normal(0.0, 0.5) for axis in axes]
        distance = np.sqrt(sum(place**2 for place in places))
        image = np.clip(radius + rng.normal(0.0, 0.3) - distance, -0.5, 0.5)
        image = image + noise * rng.normal(size=size)
        images.append(gaussian_filter(image, blur) if blur else image)
    return np.clip(np.stack(images)[:, None], -1.0, 1.0).astype(np.float32)


def fitted(root, images):
    """The features, standardised by images."""
    channels = tuple(f"channel {number}" for number in range(images.shape[1]))
    meta = Meta(("a",), channels, "HU", (-1.0, 1.0))
    with ImageSetWriter(
        root, meta, capacity=len(images), shape=images.shape[1:], dtype=np.float32
    ) as writer:
        for number, image in enumerate(images):
            writer.add(
                image, image_id=f"i{number}", label="a", patient_id=f"p{number}", origin="real"
            )
    return Texture.fit(ImageSet.open(root)).of_pixels


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_features_are_standardised_by_the_training_rows(tmp_path, size):
    """Mean 0 and spread 1 on them, or less where hardly anything differs."""
    train = balls(30, size)
    describe = fitted(tmp_path, train)
    features = describe(train)
    assert features.shape[0] == 30 and features.dtype == np.float64
    assert np.abs(features.mean(0)).max() < 1e-3
    spread = features.std(0)
    assert (np.isclose(spread, 1.0, atol=1e-3)).mean() > 0.8
    assert spread.max() < 1.001
    alone = describe(train[4:5])
    assert np.allclose(alone[0], features[4], atol=1e-3)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "change",
    [{"blur": 1.0}, {"noise": 0.2}, {"radius": 2.5}],
    ids=lambda change: next(iter(change)),
)
def test_blur_noise_and_size_move_them(tmp_path, size, change):
    """Means of changed images lie farther from the training rows' than those of others like them.

    A mean of 30 standardised values strays by 1 / sqrt(30), which the like ones show.
    """
    describe = fitted(tmp_path, balls(30, size))
    like = np.sqrt((describe(balls(30, size, seed=1)).mean(0) ** 2).mean())
    changed = np.sqrt((describe(balls(30, size, seed=1, **change)).mean(0) ** 2).mean())
    assert like < 0.6
    assert changed > 2.0 * like


@pytest.mark.parametrize("size", [(16, 16), (12, 12, 12)], ids=str)
def test_mirror_images_differ_in_the_thumbnail_alone(tmp_path, size):
    """Along any axis: grey levels, edges, texture and shells are the same from either side."""
    train = balls(12, size)
    describe = fitted(tmp_path, train)
    places = THUMBNAIL ** len(size)
    for axis in range(2, 2 + len(size)):
        before, after = describe(train), describe(np.flip(train, axis))
        assert np.allclose(before[:, places:], after[:, places:], atol=2e-3)
        thumbnails = before[:, :places].reshape(-1, *[THUMBNAIL] * len(size))
        assert not np.allclose(thumbnails, after[:, :places].reshape(thumbnails.shape), atol=0.1)


def test_equal_images_have_no_features_to_tell_them_by(tmp_path):
    """A constant feature is centred and not divided by nothing."""
    image = balls(1, (16, 16)).repeat(5, axis=0)
    features = fitted(tmp_path, image)(image)
    # Rounding in float32 is about 1e-7, and must not be blown up to differences.
    assert np.abs(features).max() < 0.5


def test_channels_and_thin_volumes_are_described_too(tmp_path):
    """Three channels give three times the features; an axis of 8 is halved twice."""
    flat = balls(6, (16, 16))
    one = fitted(tmp_path / "one", flat)(flat).shape[1]
    colour = np.repeat(flat, 3, axis=1)
    assert fitted(tmp_path / "three", colour)(colour).shape[1] == 3 * one
    thin = balls(6, (8, 16, 16))
    assert np.isfinite(fitted(tmp_path / "thin", thin)(thin)).all()
