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

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW = 11
_SPREAD = 1.5
_C1, _C2 = 0.01**2, 0.03**2


def ms_ssim_diversity(
    images: NDArray[Any], labels: NDArray[Any], *, rng: np.random.Generator
) -> dict[str, float]:
    """Compare disjoint random pairs of images within each class.

    Args:
        images: The images under test, (N, C, *spatial) in [-1, 1].
        labels: (N,) class indices.
        rng: Draws the pairs.

    Returns:
        `ms_ssim`, the mean over classes of the mean over pairs, between 0 and 1 (lower is more
        diverse); nothing where no class has two images.
    """
    means = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        half = len(rows) // 2
        if half:
            pair = (images[rows[:half]], images[rows[half : 2 * half]])
            means.append(ms_ssim(*((each + 1.0) / 2.0 for each in pair)).mean())
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
    """Luminance and contrast of each pixel that has a window."""
    mx, my, mxx, myy, mxy = _blurred(np.stack([x, y, x * x, y * y, x * y]), window)
    variances = mxx - mx * mx + myy - my * my
    contrast = (2.0 * (mxy - mx * my) + _C2) / (variances + _C2)
    return (2.0 * mx * my + _C1) / (mx * mx + my * my + _C1), contrast


def _blurred(images: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Weighted means in Gaussian windows that lie inside, along all axes but the first three."""
    for axis in range(3, images.ndim):
        weights = _gaussians(images.shape[axis], window)
        images = np.moveaxis(np.moveaxis(images, axis, -1) @ weights, -1, axis)
    return images


@cache
def _gaussians(length: int, window: int) -> NDArray[np.float64]:
    """(length, places) weights of the windows at each place."""
    offsets = np.arange(window) - (window - 1) / 2.0
    kernel = np.exp(-((offsets / _SPREAD) ** 2) / 2.0)
    places = np.arange(length - window + 1)
    weights = np.zeros((length, len(places)))
    for offset, weight in enumerate(kernel / kernel.sum()):
        weights[places + offset, places] = weight
    return weights


def _halved(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over blocks of two pixels an axis; what is left over of an odd axis is dropped."""
    for axis in range(2, images.ndim):
        even = np.take(images, np.arange(images.shape[axis] // 2 * 2), axis)
        shape = (*even.shape[:axis], even.shape[axis] // 2, 2, *even.shape[axis + 1 :])
        images = even.reshape(shape).mean(axis + 1)
    return images
