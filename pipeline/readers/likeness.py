"""Images of one set that show what an image of another shows, as `duplicates` tells within one.

A split leaves no near-duplicate of a test image among the training rows. So whatever is found here
between somebody's images and test images is worth a look: their generator may have seen these
patients.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.config import Duplicates
from pipeline.duplicates import aligned_correlation, fingerprint
from pipeline.imageset import ImageSet

_ROWS_AT_ONCE = 256


class Likeness(NamedTuple):
    """An image and the one of the other set that it is most like.

    Args:
        row: Position in the first set.
        other: Position in the second.
        correlation: Of the aligned thumbnails.
    """

    row: int
    other: int
    correlation: float


def near_duplicates(images: ImageSet, others: ImageSet, options: Duplicates) -> list[Likeness]:
    """Find the images of one set that are near-duplicates of any of another.

    Args:
        images: The one, N images.
        others: The other, of one shape with it; N times as many 64-bit words are compared.
        options: `split.duplicates`: how alike is too alike, and whether mirrored.

    Returns:
        One entry for each such image, the most alike first.
    """
    if not len(images) or not len(others):
        return []
    mine, theirs = fingerprint(images), fingerprint(others)
    found: dict[int, Likeness] = {}
    for start in range(0, len(images), _ROWS_AT_ONCE):
        block = mine.hashes[start : start + _ROWS_AT_ONCE, None]
        for flip in (False, True) if options.mirrored else (False,):
            hashes = theirs.mirrored if flip else theirs.hashes
            near = np.bitwise_count(block ^ hashes[None]) <= options.max_hash_distance
            rows, columns = np.nonzero(near)
            for low in range(0, len(rows), _ROWS_AT_ONCE):
                some = rows[low : low + _ROWS_AT_ONCE] + start
                other = columns[low : low + _ROWS_AT_ONCE]
                seconds = theirs.thumbnails[other]
                if flip:
                    seconds = np.flip(seconds, theirs.mirror_axis + 1)
                alike = aligned_correlation(mine.thumbnails[some], seconds)
                for row, column, value in zip(some.tolist(), other.tolist(), alike, strict=True):
                    best = found.get(row)
                    if value >= options.min_correlation and (
                        best is None or value > best.correlation
                    ):
                        found[row] = Likeness(row, column, float(value))
    return sorted(found.values(), key=lambda each: (-each.correlation, each.row))
