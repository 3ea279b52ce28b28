"""The nearest image in pixels, however it was mirrored, turned, shifted, blurred or re-windowed.

Two images are compared by their normalised cross-correlation r, greatest over all orientations and
over small shifts, which brightness and contrast do not change; their distance is sqrt(2 - 2 r),
that of the standardised images. Twice: as they are, and at half the resolution, where blur and
noise matter less. So that large sets cost little, small blurred thumbnails say which few images
are worth aligning.

Source: normalised cross-correlation over the overlap: Lewis 1995, Fast normalized
cross-correlation, Vision Interface, equation 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.privacy.orientations import Orientation, orientations

SCALES = (1, 2)
_CANDIDATES = 16
_FINALISTS = 4
_THUMBNAIL = {2: 8, 3: 6}  # about so many pixels of the shortest side, by the number of axes
_NUMBERS_AT_ONCE = 2**24
# A two-hundredth of the scale from -1 to 1 is quantisation, not content.
_LEAST_SPREAD = 0.01


@dataclass(frozen=True)
class Aligned:
    """The nearest images of N others, at one scale.

    Args:
        distances: (N,), from 0 to 2.
        positions: (N,) which of the base.
    """

    distances: Tensor
    positions: Tensor


def nearest_aligned(
    queries: Tensor, base: Tensor, *, shift: int, barred: Tensor | None = None
) -> dict[int, Aligned]:
    """Find the nearest of `base` for each query, by scale.

    Args:
        queries: (N, C, *spatial) in [-1, 1].
        base: (M, C, *spatial).
        shift: Greatest shift along each axis, in pixels.
        barred: (N, M) pairs that are not to be compared.

    Returns:
        For each of `SCALES` the nearest; the distance is 2 where all are barred.
    """
    ways = orientations(queries.shape[2:])
    small = [_standardised(_thumbnails(each)) for each in _nudged(queries, shift)]
    turned = [_standardised(_thumbnails(way(base))) for way in ways]
    count = min(_CANDIDATES, len(base))
    rows = max(1, _NUMBERS_AT_ONCE // (count * queries[0].numel()))
    found: dict[int, list[Aligned]] = {scale: [] for scale in SCALES}
    for start in range(0, len(queries), rows):
        some = slice(start, start + rows)
        like, way_of = _likenesses([each[some] for each in small], turned)
        if barred is not None:
            like = like.masked_fill(barred[some], -2.0)
        chosen = like.topk(count, dim=1)
        laid = _laid(base, chosen.indices, way_of.gather(1, chosen.indices), ways)
        kept = torch.arange(count).expand(len(laid), count)
        # Coarse first: of what is unlike there, nothing fine is asked.
        for scale in sorted(SCALES, reverse=True):
            within = laid[torch.arange(len(laid))[:, None], kept]
            r = _correlations(queries[some], within, shift, scale)
            r = r.masked_fill(chosen.values.gather(1, kept) < -1.5, -1.0)
            best = r.max(1)
            positions = chosen.indices.gather(1, kept.gather(1, best.indices[:, None])).squeeze(1)
            found[scale].append(Aligned((2.0 - 2.0 * best.values).clamp(min=0.0).sqrt(), positions))
            kept = kept.gather(1, r.topk(min(_FINALISTS, count), dim=1).indices)
    return {
        scale: Aligned(
            torch.cat([each.distances for each in parts]),
            torch.cat([each.positions for each in parts]),
        )
        for scale, parts in found.items()
    }


def laid_upon(queries: Tensor, partners: Tensor, *, shift: int) -> Tensor:
    """Lay each partner upon its query: mirrored, turned and shifted as fits it best.

    Args:
        queries: (N, C, *spatial) in [-1, 1].
        partners: (N, C, *spatial), one for each.
        shift: Greatest shift along each axis, in pixels.

    Returns:
        (N, C, *spatial); what a shift uncovers repeats the edge.
    """
    best = torch.full((len(queries),), -2.0)
    laid = partners.clone()
    for way in orientations(queries.shape[2:]):
        turned = way(partners)
        for offset, r in _at_shifts(queries, turned, shift):
            better = r > best
            best = torch.where(better, r, best)
            laid[better] = _shifted(turned[better], offset)
    return laid


def pooled(images: Tensor, times: int) -> Tensor:
    """Average (N, C, *spatial) to so many times smaller ones, of whatever size."""
    size = images.shape[2:]
    pool: Any = functional.adaptive_avg_pool2d
    if len(size) == 3:
        pool = functional.adaptive_avg_pool3d
    small: Tensor = pool(images, tuple(math.ceil(length / times) for length in size))
    return small


def _thumbnails(images: Tensor) -> Tensor:
    """(N, C, *spatial) -> (N, D), pooled so far that a small shift hardly shows."""
    size = images.shape[2:]
    return pooled(images, max(1, min(size) // _THUMBNAIL[len(size)])).flatten(1)


def _nudged(images: Tensor, shift: int) -> Iterator[Tensor]:
    """Images as they are, and moved to the ends of what shifts are tried."""
    size = images.shape[2:]
    reach = [min(shift, (length - 1) // 4) for length in size]
    for offset in product(*({-by, 0, by} for by in reach)):
        yield _shifted(images, offset)


def _likenesses(small: list[Tensor], turned: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Greatest likeness (N, M) of thumbnails over small shifts and ways, and which way."""
    like = torch.full((len(small[0]), len(turned[0])), -2.0)
    way_of = torch.zeros_like(like, dtype=torch.long)
    for number, base in enumerate(turned):
        for queries in small:
            found = queries @ base.T
            better = found > like
            like = torch.where(better, found, like)
            way_of.masked_fill_(better, number)
    return like, way_of


def _standardised(flat: Tensor) -> Tensor:
    """(N, D) -> (N, D) of mean 0 and length 1; nearly 0 where there is no content."""
    centred = flat - flat.mean(1, keepdim=True)
    least = _LEAST_SPREAD * math.sqrt(flat.shape[1])
    length = centred.square().sum(1, keepdim=True).sqrt()
    return centred / length.clamp(min=least)


def _laid(base: Tensor, images: Tensor, ways: Tensor, known: list[Orientation]) -> Tensor:
    """Gather (N, K) images of the base, each turned its way, as (N, K, C, *spatial)."""
    flat, way_of = images.flatten(), ways.flatten()
    laid = torch.empty((len(flat), *base.shape[1:]), dtype=base.dtype)
    for number, way in enumerate(known):
        rows = (way_of == number).nonzero().squeeze(1)
        if len(rows):
            laid[rows] = way(base[flat[rows]])
    return laid.reshape(*images.shape, *base.shape[1:])


def _correlations(queries: Tensor, laid: Tensor, shift: int, scale: int) -> Tensor:
    """Greatest correlations (N, K) over shifts, at a scale."""
    count = laid.shape[1]
    repeated = queries.repeat_interleave(count, 0)
    candidates = laid.flatten(0, 1)
    if scale > 1:
        repeated, candidates = pooled(repeated, scale), pooled(candidates, scale)
        shift = math.ceil(shift / scale)
    best = torch.full((len(repeated),), -1.0)
    for _, r in _at_shifts(repeated, candidates, shift):
        best = torch.maximum(best, r)
    return best.reshape(-1, count)


def _at_shifts(
    queries: Tensor, candidates: Tensor, shift: int
) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Correlate the queries' middle with every place of the candidates; offsets, and (N,)."""
    size = queries.shape[2:]
    reach = [min(shift, (length - 1) // 4) for length in size]
    middle = [slice(by, length - by) for by, length in zip(reach, size, strict=True)]
    template = _standardised(queries[:, :, *middle].flatten(1))
    least = (_LEAST_SPREAD**2) * template.shape[1]
    for offset in product(*(range(-by, by + 1) for by in reach)):
        place = [
            slice(cut.start + by, cut.stop + by) for cut, by in zip(middle, offset, strict=True)
        ]
        window = candidates[:, :, *place].flatten(1)
        # The template's mean is 0, so that the window's need not be taken off.
        product_ = (template * window).sum(1)
        squares = (window * window).sum(1) - window.sum(1).square() / window.shape[1]
        yield offset, product_ / squares.clamp(min=least).sqrt()


def _shifted(images: Tensor, offset: tuple[int, ...]) -> Tensor:
    """Move images so that what lay at the offset comes to the middle; edges are repeated."""
    for axis, by in enumerate(offset, start=2):
        length = images.shape[axis]
        rows = (torch.arange(length) + by).clamp(0, length - 1)
        images = images.index_select(axis, rows)
    return images
