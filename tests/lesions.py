"""Lesion-like pictures that cost nothing, and ways to copy one so that it does not show."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from pipeline.privacy.spaces import Part


def lesions(rng, count, size=(32, 32)):
    """Textured tissue with a soft lesion of varying place, size, shape and density: [-1, 1]."""
    axes = np.meshgrid(*(np.arange(length) for length in size), indexing="ij")
    images = np.empty((count, 1, *size), np.float32)
    for image in images:
        tissue = gaussian_filter(rng.standard_normal(size), 3.0)
        centre = [length / 2 + rng.uniform(-3, 3) for length in size]
        radii = rng.uniform(4, 9) * rng.uniform(0.7, 1.4, len(size))
        away = sum(
            ((axis - at) / by) ** 2 for axis, at, by in zip(axes, centre, radii, strict=True)
        )
        lesion = rng.choice([-0.6, 0.6]) / (1 + np.exp(6 * (np.sqrt(away) - 1)))
        image[0] = 0.1 * tissue / tissue.std() + lesion + rng.normal(0, 0.05, size)
    return images


def blurred(images, sigma):
    """Gaussian blur of (N, C, *spatial)."""
    return gaussian_filter(images, (0, 0, *[sigma] * (images.ndim - 2)))


def disguises(rng) -> dict[str, Callable]:
    """Ways to copy (N, C, H, W), by name; mixtures are with the next image."""
    return {
        "exact": lambda x: x,
        "flipped": lambda x: x[..., ::-1],
        "turned": lambda x: np.rot90(x, 1, (2, 3)),
        "shifted": lambda x: np.roll(x, (2, -1), (2, 3)),
        "blurred": lambda x: blurred(x, 1.0),
        "noisy": lambda x: x + rng.normal(0, 0.1, x.shape),
        "recontrasted": lambda x: 0.6 * x + 0.1,
        "mixed": lambda x: 0.5 * x + 0.5 * np.roll(x, 1, 0),
        "all_at_once": lambda x: (
            blurred(np.roll(0.8 * x[..., ::-1], 2, 2), 0.7) + rng.normal(0, 0.03, x.shape)
        ),
    }


def part(images, name, *, each=1, features=None) -> Part:
    """Images (N, C, *spatial) as a part, `each` of one patient."""
    ids = np.asarray([f"{name}{number:04d}" for number in range(len(images))])
    groups = np.asarray([f"{name}-g{number // each:04d}" for number in range(len(images))])
    pixels = torch.from_numpy(np.ascontiguousarray(images, np.float32))
    return Part(ids, groups, pixels, features or {})
