"""Diversity in pixels: how alike two images of one class are, by MS-SSIM.

SSIM(x, y) = l(x, y) c(x, y), in Gaussian windows, with means m, variances v and covariance s,
l = (2 mx my + C1) / (mx^2 + my^2 + C1), c = (2 s + C2) / (vx + vy + C2), C1 = 0.01^2,
C2 = 0.03^2 on images in [0, 1]. MS-SSIM is the product over scales, each of half the size, of the
mean of c to the power of the scale's weight, the coarsest scale's with l. A generator that
collapses makes images that are more alike than real ones.

Sources: Wang et al. 2003, Asilomar, equation 7; pairs within a class: Odena et al. 2017,
arXiv:1610.09585, section 4.2. Five scales need 176 pixels along each axis: smaller images have as
many scales as leave room for the window of 11, the weights of those scaled to sum to 1, and
images of less than 11 a smaller window.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.imageset import ImageSet

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW = 11
_SPREAD = 1.5
_C1, _C2 = 0.01**2, 0.03**2


def ms_ssim_diversity(images: ImageSet, *, rng: np.random.Generator) -> dict[str, float]:
    """Compare disjoint random pairs of images within each class.

    Args:
        images: The images under test.
        rng: Draws the pairs.

    Returns:
        `ms_ssim`, the mean over classes of the mean over pairs, between 0 and 1 (lower is more
        diverse); nothing where no class has two images.
    """
    means = []
    for label in np.unique(images.labels):
        rows = rng.permutation(np.flatnonzero(images.labels == label))
        half = len(rows) // 2
        if half:
            first, second = (images.scaled(each) for each in (rows[:half], rows[half : 2 * half]))
            means.append(ms_ssim((first + 1.0) / 2.0, (second + 1.0) / 2.0).mean())
    return {"ms_ssim": float(np.mean(means))} if means else {}


def ms_ssim(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Measure the multi-scale structural similarity of N pairs.

    Args:
        first: (N, C, *spatial) in [0, 1], two or three spatial axes.
        second: Of the same shape.

    Returns:
        (N,), at most 1, reached by equal images; means of c that are negative count as 0.
    """
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    shortest = min(x.shape[2:])
    weights = scale_weights(shortest)
    window = min(_WINDOW, shortest - (shortest % 2 == 0))
    result = np.ones(len(x))
    for scale, weight in enumerate(weights):
        luminance, contrast = _similarity(x, y, window)
        last = scale == len(weights) - 1
        seen = luminance * contrast if last else contrast
        result *= np.maximum(seen.reshape(len(x), -1).mean(1), 0.0) ** weight
        if not last:
            x, y = _halved(x), _halved(y)
    return result


def scale_weights(shortest: int) -> tuple[float, ...]:
    """The weights of as many scales as leave the window's 11 pixels along an axis, at least one."""
    scales = 1
    while scales < len(_WEIGHTS) and shortest >> scales >= _WINDOW:
        scales += 1
    return tuple(weight / sum(_WEIGHTS[:scales]) for weight in _WEIGHTS[:scales])


def _similarity(
    x: NDArray[np.float64], y: NDArray[np.float64], window: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mx, my = _blurred(x, window), _blurred(y, window)
    vx, vy = _blurred(x * x, window) - mx * mx, _blurred(y * y, window) - my * my
    covariance = _blurred(x * y, window) - mx * my
    contrast = (2.0 * covariance + _C2) / (vx + vy + _C2)
    return (2.0 * mx * my + _C1) / (mx * mx + my * my + _C1), contrast


def _blurred(images: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Weighted means in Gaussian windows that lie inside, along every spatial axis."""
    offsets = np.arange(window) - (window - 1) / 2.0
    kernel = np.exp(-((offsets / _SPREAD) ** 2) / 2.0)
    kernel /= kernel.sum()
    for axis in range(2, images.ndim):
        places = np.arange(images.shape[axis] - window + 1)
        spread = np.zeros((images.shape[axis], len(places)))
        for offset, weight in enumerate(kernel):
            spread[places + offset, places] = weight
        images = np.moveaxis(np.moveaxis(images, axis, -1) @ spread, -1, axis)
    return images


def _halved(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over blocks of two pixels an axis; what is left over of an odd axis is dropped."""
    for axis in range(2, images.ndim):
        even = np.take(images, np.arange(images.shape[axis] // 2 * 2), axis)
        shape = (*even.shape[:axis], even.shape[axis] // 2, 2, *even.shape[axis + 1 :])
        images = even.reshape(shape).mean(axis + 1)
    return images
