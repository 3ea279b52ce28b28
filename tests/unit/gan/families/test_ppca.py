"""Probabilistic PCA against its closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from pipeline.errors import ParameterError
from pipeline.gan.families import ppca
from pipeline.gan.families.ppca import Ppca, PpcaOptions
from pipeline.gan.family import Batch, Shape
from pipeline.imageset import ImageSet, ImageSetWriter, Meta

NOISE = 0.05
SHAPE = Shape(1, (8, 8), 1)


def write(root, images):
    """A set of one class, each image of a patient of its own, stored as the model sees it."""
    meta = Meta(("a",), ("CT",), "HU", (-1.0, 1.0))
    with ImageSetWriter(
        root, meta, capacity=len(images), shape=images.shape[1:], dtype=np.float32
    ) as writer:
        for number, image in enumerate(images):
            writer.add(
                image, image_id=f"i{number}", label="a", patient_id=f"p{number}", origin="real"
            )
    return ImageSet.open(root)


def planted(count):
    """Images that differ in three directions of spread 0.8, and in noise; (count, 1, 8, 8)."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(64, 3)))[0].T
    images = 0.8 * rng.normal(size=(count, 3)) @ directions
    images += 0.1 + NOISE * rng.normal(size=(count, 64))
    return images.astype(np.float32).reshape(count, 1, 8, 8)


def fitted(images, **options):
    """A model of the images as they are."""
    model = Ppca(SHAPE, PpcaOptions(mirror=False, **options))
    model.prepare(images, np.random.default_rng(0))
    return model


def test_finds_what_was_planted(tmp_path):
    """Held-out likelihood finds three directions; noise and mean come out within 5%."""
    model = fitted(write(tmp_path, planted(300)), most=10).networks["gaussian"]
    lengths = model.directions.norm(dim=1)
    assert (lengths > 0).sum() == 3
    # A standard deviation from 300 draws is off by 1 / sqrt(600) = 4%; four of these.
    assert lengths[:3].numpy() == pytest.approx(0.8, rel=0.16)
    assert model.noise.item() == pytest.approx(NOISE, rel=0.05)
    assert model.mean.mean().item() == pytest.approx(0.1, abs=0.02)


def test_samples_have_the_covariance_of_the_training_rows(tmp_path):
    """Total variance of 1,000 samples equals that of the rows; the model keeps it all."""
    images = write(tmp_path, planted(100))
    model = fitted(images, components=5)
    rngs = [torch.Generator().manual_seed(seed) for seed in range(1000)]
    made = model.sample(Batch(torch.zeros(1000, dtype=torch.int64)), rngs).images
    expected = images.scaled().var(axis=0).sum()
    # Three directions with 2 sd^4 each over 1,000 draws: a spread of about 3% of the total.
    assert made.var(dim=0).sum().item() == pytest.approx(expected, rel=0.12)


def test_noise_is_the_mean_of_all_variances_that_are_left_out():
    """With 20 rows of 64 pixels, 44 of them are zero: equation 8, against an eigenvalue solver."""
    rows = planted(20).reshape(20, 64)
    found = ppca._noise_variances(ppca._fit(rows, 4, np.random.default_rng(0)), rows)
    variances = np.linalg.eigvalsh(np.cov(rows, rowvar=False))[::-1]
    assert found == pytest.approx([variances[kept:].mean() for kept in range(1, 5)], rel=1e-3)


def test_likelihood_is_that_of_the_normal_distribution():
    """Differences between numbers of directions agree with SciPy's density of W W' + noise."""
    rows, held = np.split(planted(60).reshape(60, 64), [40])
    model = ppca._fit(rows, 4, np.random.default_rng(0))
    noise = ppca._noise_variances(model, rows)
    expected = []
    for kept in range(1, 5):
        directions = model.components_[:kept].astype(np.float64)
        extra = model.explained_variance_[:kept] - noise[kept - 1]
        covariance = (directions.T * extra) @ directions + noise[kept - 1] * np.eye(64)
        expected.append(multivariate_normal(model.mean_, covariance).logpdf(held).sum())
    found = ppca._log_likelihoods(model, rows, held)
    assert np.diff(found) == pytest.approx(np.diff(expected), rel=1e-3)


def test_mirrored_rows_make_a_mirrored_mean(tmp_path):
    """Fitted to mirror images as well, the mean looks the same from either side."""
    model = Ppca(SHAPE, PpcaOptions(components=2))
    model.prepare(write(tmp_path, planted(5)), np.random.default_rng(0))
    mean = model.networks["gaussian"].mean.reshape(8, 8)
    assert torch.allclose(mean, mean.flip(0), atol=1e-6)
    assert torch.allclose(mean, mean.flip(1), atol=1e-6)


def test_one_image_is_too_few(tmp_path):
    """The message says what to do."""
    with pytest.raises(ParameterError, match="at least 2"):
        fitted(write(tmp_path, planted(1)))
