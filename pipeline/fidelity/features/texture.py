"""Features that nothing is trained for: grey levels, edges, texture and shape at three scales.

For a comparison in the middle of a training, where a network of the fold would cost more than it
tells, and by other features than those that judge the end. In 2D and 3D, any number of channels:

- at full, half and quarter resolution: a soft histogram of grey levels, the mean and spread of the
  gradient's size, and of differences two and four pixels apart along each axis;
- means and spreads in six shells about the centre, where a crop has its lesion;
- a thumbnail of 4 pixels an axis.

Each feature is standardised by the training rows' mean and spread.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipeline.compute import Machine, Report
from pipeline.config import Augment, Section
from pipeline.imageset import ImageSet

_SCALES = 3
_LEVELS = 9
_LAGS = (2, 4)
_SHELLS = 6
_THUMBNAIL = 4
_LEAST_SPREAD = 0.1
_BATCH = 256


class Texture:
    """The features, standardised by a fold's training rows.

    Args:
        mean: (D,) of the training rows.
        spread: (D,) standard deviations, none much smaller than the others.
    """

    class Options(Section):
        """There is nothing to choose."""

    needs_masks: ClassVar[bool] = False

    def __init__(self, mean: NDArray[np.float64], spread: NDArray[np.float64]) -> None:
        self._mean = mean
        self._spread = spread

    @classmethod
    def fit(
        cls,
        training: ImageSet,
        validation: ImageSet | None = None,
        *,
        options: Options | None = None,
        steps: int = 0,
        seed: int = 0,
        machine: Machine | None = None,
        augment: Augment | None = None,
        report: Report | None = None,
    ) -> Self:
        """Measure mean and spread of real training rows; the rest is not used."""
        del validation, options, steps, seed, machine, augment, report
        features = _described(training.scaled())
        spread = features.std(0)
        # What hardly varies among training rows, as a level that no pixel has, would otherwise
        # outweigh everything else as soon as a generated image shows a trace of it.
        least = max(_LEAST_SPREAD * float(np.median(spread)), 1e-6)
        return cls(features.mean(0), np.maximum(spread, least))

    def __call__(self, images: ImageSet) -> NDArray[np.float64]:
        """Describe N images, (N, D)."""
        return self.of_pixels(images.scaled())

    def of_pixels(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Describe images that are in no set yet, (N, C, *spatial) in [-1, 1], as (N, D)."""
        return (_described(images) - self._mean) / self._spread


def _described(images: NDArray[np.float32]) -> NDArray[np.float64]:
    parts = [
        _describe(torch.from_numpy(np.ascontiguousarray(images[start : start + _BATCH])))
        for start in range(0, len(images), _BATCH)
    ]
    features: NDArray[Any] = torch.cat(parts).double().numpy()
    return features


def _describe(images: Tensor) -> Tensor:
    """(N, C, *spatial) -> (N, D)."""
    dims = images.ndim - 2
    pool = functional.avg_pool2d if dims == 2 else functional.avg_pool3d
    thumbnail = functional.adaptive_avg_pool2d if dims == 2 else functional.adaptive_avg_pool3d
    found = [thumbnail(images, _THUMBNAIL).flatten(1), *_shells(images)]
    for scale in range(_SCALES):
        if scale:
            images = pool(images, 2)
        found += [*_histogram(images), *_gradients(images), *_differences(images)]
    return torch.cat([each.flatten(1) for each in found], dim=1)


def _histogram(images: Tensor) -> list[Tensor]:
    """Shares of pixels near each of the levels, with triangular bins."""
    levels = torch.linspace(-1.0, 1.0, _LEVELS)
    width = 2.0 / (_LEVELS - 1)
    flat = images.flatten(2)
    return [(1.0 - (flat - level).abs() / width).clamp(min=0.0).mean(2) for level in levels]


def _gradients(images: Tensor) -> list[Tensor]:
    """Mean and spread of the size of the gradient."""
    squares = torch.zeros_like(images)
    for axis in range(2, images.ndim):
        squares = squares + torch.gradient(images, dim=axis)[0].square()
    size = squares.sqrt().flatten(2)
    return [size.mean(2), size.std(2)]


def _differences(images: Tensor) -> list[Tensor]:
    """Root mean square of differences at each lag along each axis that is long enough."""
    found = []
    for axis in range(2, images.ndim):
        length = images.shape[axis]
        for lag in _LAGS:
            if lag < length:
                apart = images.narrow(axis, lag, length - lag) - images.narrow(
                    axis, 0, length - lag
                )
                found.append(apart.square().flatten(2).mean(2).sqrt())
    return found


def _shells(images: Tensor) -> list[Tensor]:
    """Mean and spread of the pixels in shells about the centre, the last to the corners."""
    axes = [torch.linspace(-1.0, 1.0, length) for length in images.shape[2:]]
    squares = [grid.square() for grid in torch.meshgrid(*axes, indexing="ij")]
    radius = torch.stack(squares).sum(0).sqrt()
    edges = [*torch.linspace(0.0, 1.0, _SHELLS)[:-1].tolist(), 1.0, float("inf")]
    found = []
    for low, high in pairwise(edges):
        inside = images[:, :, (radius >= low) & (radius < high)]
        if inside.shape[2] > 1:
            found += [inside.mean(2), inside.std(2)]
    return found
