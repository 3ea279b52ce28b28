"""The two images of which another is nearly a mixture.

A generator can hide a copy by blending two of its training images, as mixup does. For an image x
and two others the best w a + (1 - w) b with 0 <= w <= 1 has a closed form in three distances alone:
w = (|x-b|^2 + |a-b|^2 - |x-a|^2) / (2 |a-b|^2), cut to [0, 1]. What is left over,
|x - w a - (1 - w) b|, is the distance. It is small by chance as well: images that are alike mix to
more of the kind, which is why it only means something beside that of other images.

Source: mixtures of two: Zhang et al. 2018, mixup, arXiv:1710.09412, equation 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.privacy.alignment import pooled
from pipeline.privacy.orientations import orientations

_FIRSTS = 512  # over the orientations: the nearest images, of which one must take part
_FEWEST_FIRSTS = 32
_MOST_NUMBERS = 2048  # of an image when compared; greater ones are pooled
_NUMBERS_AT_ONCE = 2**21


@dataclass(frozen=True)
class Mixed:
    """The nearest mixtures of two for N images.

    Args:
        distances: (N,) root mean square of what is left over; infinite where none may be compared.
        positions: (N,) the image that the mixture holds more of.
        others: (N,) the other.
        shares: (N,) share of the first, from a half to 1.
    """

    distances: Tensor
    positions: Tensor
    others: Tensor
    shares: Tensor


def nearest_mixture(queries: Tensor, base: Tensor, *, barred: Tensor | None = None) -> Mixed:
    """Find for each query the two images of `base` that mix to it best.

    Both are mirrored and turned together. Mean brightness is taken off all images first.

    Args:
        queries: (N, C, *spatial) in [-1, 1].
        base: (M, C, *spatial), M at least 1.
        barred: (N, M) pairs that are not to be compared.
    """
    vectors = _flat(base)
    apart = _squares(vectors, vectors).fill_diagonal_(0.0)
    ways = orientations(base.shape[2:])
    count = min(max(_FEWEST_FIRSTS, _FIRSTS // len(ways)), len(base))
    rows = max(1, _NUMBERS_AT_ONCE // (count * len(base)))
    best: Mixed | None = None
    # To turn the query is to turn both others the opposite way.
    for way in ways:
        squares = _squares(_flat(way(queries)), vectors)
        if barred is not None:
            squares.masked_fill_(barred, math.inf)
        parts = [
            _mixed(squares[start : start + rows], apart, count)
            for start in range(0, len(squares), rows)
        ]
        found = Mixed(*(torch.cat(each) for each in zip(*parts, strict=True)))
        best = found if best is None else _better(best, found)
    assert best is not None
    left = (best.distances / vectors.shape[1]).sqrt()
    return Mixed(left, best.positions, best.others, best.shares)


def _flat(images: Tensor) -> Tensor:
    """(N, C, *spatial) -> (N, D) of mean 0, pooled to a bounded D."""
    times = 1
    while images[0].numel() / times ** (images.ndim - 2) > _MOST_NUMBERS:
        times += 1
    flat = pooled(images, times).flatten(1)
    return flat - flat.mean(1, keepdim=True)


def _squares(first: Tensor, second: Tensor) -> Tensor:
    """Squared distances (N, M)."""
    lengths = first.square().sum(1)[:, None] + second.square().sum(1)
    return (lengths - 2.0 * first @ second.T).clamp(min=0.0)


def _mixed(squares: Tensor, apart: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The best pairs of N images with M others, one of each pair among the nearest `count`.

    Args:
        squares: (N, M) squared distances to the others.
        apart: (M, M) between the others.
        count: At most M.

    Returns:
        Squares left over, both positions, and the share of the first; (N,) each.
    """
    near = squares.topk(count, dim=1, largest=False)
    between = apart[near.indices]
    to_a, to_b = near.values[:, :, None], squares[:, None, :]
    # From a towards b by the share t: |x - a - t (b - a)|^2 = |x-a|^2 + |a-b|^2 t (t - 2 t*).
    free = (between + to_a - to_b) / (2.0 * between).clamp(min=1e-9)
    step = free.clamp(0.0, 1.0)
    left = (to_a + between * step * (step - 2.0 * free)).nan_to_num(nan=math.inf)
    best = left.flatten(1).min(1)
    row, b = best.indices // len(apart), best.indices % len(apart)
    a = near.indices.gather(1, row[:, None]).squeeze(1)
    share = 1.0 - step.flatten(1).gather(1, best.indices[:, None]).squeeze(1)
    more = share >= 0.5
    return (
        best.values.clamp(min=0.0),
        torch.where(more, a, b),
        torch.where(more, b, a),
        torch.maximum(share, 1.0 - share),
    )


def _better(first: Mixed, second: Mixed) -> Mixed:
    """Row by row the one that leaves less over."""
    less = second.distances < first.distances
    pairs = zip(vars(first).values(), vars(second).values(), strict=True)
    return Mixed(*(torch.where(less, new, old) for old, new in pairs))
