"""Exact and near duplicates among images, and the groups that must never be separated.

An image that appears twice, under two names or as two frames of one lesion, leaks from training
into test as surely as a patient does. Exact duplicates have equal pixels (SHA-256). Near ones are
found by a perceptual hash, the signs of an image's 64 lowest frequencies, and confirmed by the
correlation of small thumbnails, aligned by up to a sixteenth of the field of view and also
mirrored left to right. Works on 2D images and on volumes alike.

N images cost N^2 comparisons of 64-bit words (100,000 images: a few minutes), done in blocks, and
2 KiB of memory an image in 2D, 8 KiB in 3D.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.errors import ParameterError
from pipeline.imageset import ImageSet

COLUMNS = ("image_id_a", "image_id_b", "kind", "correlation", "labels_agree")
BITS = 64
# Beyond so many near pairs an image, the thresholds call everything a duplicate.
PAIRS_PER_IMAGE = 50
Candidates: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], bool]
_IMAGES_AT_ONCE = 256
_ROWS_AT_ONCE, _COLUMNS_AT_ONCE = 1024, 4096


@dataclass(frozen=True)
class Pair:
    """Two images that show the same thing.

    Args:
        first: Position of the one.
        second: Position of the other, greater than `first`.
        kind: `exact` for equal pixels, `near` for a confirmed likeness.
        correlation: Of the aligned thumbnails; 1 for exact duplicates.
    """

    first: int
    second: int
    kind: Literal["exact", "near"]
    correlation: float


@dataclass(frozen=True)
class Fingerprints:
    """What images are compared by.

    Args:
        digests: (N,) SHA-256 of the stored pixels.
        hashes: (N,) uint64 perceptual hashes.
        mirrored: (N,) uint64 perceptual hashes of the mirrored images.
        thumbnails: (N, *spatial) float16 in [-1, 1], channels averaged.
        mirror_axis: Spatial axis of `thumbnails`, from 0, that runs from left to right.
    """

    digests: NDArray[np.str_]
    hashes: NDArray[np.uint64]
    mirrored: NDArray[np.uint64]
    thumbnails: NDArray[np.float16]
    mirror_axis: int


def find_duplicates(
    images: ImageSet, *, max_hash_distance: int, min_correlation: float, mirrored: bool = True
) -> list[Pair]:
    """Find all duplicates in a set, in order of position.

    Images with equal pixels are each paired with the first of them; near duplicates are sought
    among the first ones only, so that k copies give k - 1 pairs and not k^2.

    Args:
        images: Any set; pixels are compared after its window.
        max_hash_distance: How many of the 64 bits may differ.
        min_correlation: Least correlation of the aligned thumbnails.
        mirrored: Whether to look for mirror images too; wrong where sides are classes.

    Raises:
        ParameterError: If the thresholds make nearly everything a duplicate.
    """
    prints = fingerprint(images)
    first_of: dict[str, int] = {}
    pairs = []
    for position, digest in enumerate(prints.digests):
        original = first_of.setdefault(str(digest), position)
        if original != position:
            pairs.append(Pair(original, position, "exact", 1.0))
    originals = np.fromiter(first_of.values(), np.int64, len(first_of))
    candidates = _candidates(prints, originals, max_hash_distance, mirrored=mirrored)
    for first, second, correlation in _confirmed(prints, candidates, min_correlation):
        pairs.append(Pair(first, second, "near", correlation))
        if len(pairs) > PAIRS_PER_IMAGE * len(images):
            raise ParameterError(
                "split.duplicates",
                f"more than {PAIRS_PER_IMAGE} duplicates an image at max_hash_distance "
                f"{max_hash_distance} and min_correlation {min_correlation:g}; "
                "lower the first or raise the second",
            )
    return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def fingerprint(images: ImageSet) -> Fingerprints:
    """Digest, hash and shrink every image, some at a time."""
    mirror_axis = _mirror_axis(images.meta.orientation, images.spatial_dims)
    side = 32 if images.spatial_dims == 2 else 16
    shape = tuple(min(side, length) for length in images.shape[1:])
    shrink = [_area_weights(have, want) for have, want in zip(images.shape[1:], shape, strict=True)]
    thumbnails = np.empty((len(images), *shape), np.float16)
    hashes = np.empty(len(images), np.uint64)
    mirrored = np.empty(len(images), np.uint64)
    digests = []
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        block = slice(start, start + _IMAGES_AT_ONCE)
        stored = images.stored(block)
        digests += [hashlib.sha256(image.tobytes()).hexdigest() for image in stored]
        small = images.meta.scale(stored).mean(axis=1)
        for axis, weights in enumerate(shrink, 1):
            small = np.moveaxis(np.moveaxis(small, axis, -1) @ weights.T, -1, axis)
        thumbnails[block] = small
        hashes[block], mirrored[block] = _perceptual_hashes(small, mirror_axis)
    return Fingerprints(np.array(digests, np.str_), hashes, mirrored, thumbnails, mirror_axis)


def clusters(count: int, pairs: Sequence[Pair]) -> NDArray[np.int64]:
    """Number the connected components of duplicates, (count,), in order of their first image."""
    return _components(count, [(pair.first, pair.second) for pair in pairs])


def groups(patients: Sequence[str], pairs: Sequence[Pair]) -> NDArray[np.int64]:
    """Number what must stay together: the images of a patient, and duplicates with theirs.

    Args:
        patients: (N,) pseudonyms; an empty one is a patient of its own.
        pairs: Duplicates among the N images.

    Returns:
        (N,) group numbers from 0, in order of their first image.
    """
    rows_of: dict[str, list[int]] = {}
    for row, patient in enumerate(patients):
        rows_of.setdefault(patient or f"image {row}", []).append(row)
    links = [link for rows in rows_of.values() for link in pairwise(rows)]
    return _components(len(patients), links + [(pair.first, pair.second) for pair in pairs])


def contradicting(labels: NDArray[np.int64], cluster: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which images have a duplicate, of whatever degree, under another label.

    Args:
        labels: (N,) class indices.
        cluster: (N,) from `clusters`; images of one patient that merely differ are no duplicates.
    """
    kinds = pd.Series(labels).groupby(cluster).transform("nunique")
    found: NDArray[np.bool_] = kinds.to_numpy() > 1
    return found


def table(images: ImageSet, pairs: Sequence[Pair]) -> pd.DataFrame:
    """Lay the pairs out as the rows of duplicates.csv."""
    names, labels = images.manifest["image_id"], images.manifest["label"]
    rows = [
        (
            names.iloc[pair.first],
            names.iloc[pair.second],
            pair.kind,
            round(pair.correlation, 4),
            int(labels.iloc[pair.first] == labels.iloc[pair.second]),
        )
        for pair in pairs
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _candidates(
    prints: Fingerprints, originals: NDArray[np.int64], max_distance: int, *, mirrored: bool
) -> Iterator[Candidates]:
    """Yield pairs of `originals`, each once, whose hashes are alike, in small batches."""
    for top in range(0, len(originals), _ROWS_AT_ONCE):
        rows_here = originals[top : top + _ROWS_AT_ONCE]
        for left in range(top, len(originals), _COLUMNS_AT_ONCE):
            columns_here = originals[left : left + _COLUMNS_AT_ONCE]
            for flip in (False, True) if mirrored else (False,):
                alike = _distance(prints, rows_here[:, None], columns_here, flip) <= max_distance
                rows, columns = np.nonzero(alike)
                once = rows + top < columns + left
                if mirrored:
                    # A pair is tried one way only: the way in which its hashes are nearer.
                    pair = rows_here[rows], columns_here[columns]
                    as_it_is, turned = (
                        _distance(prints, *pair, False),
                        _distance(prints, *pair, True),
                    )
                    once &= (turned < as_it_is) == flip
                rows, columns = rows_here[rows[once]], columns_here[columns[once]]
                for start in range(0, len(rows), _IMAGES_AT_ONCE):
                    batch = slice(start, start + _IMAGES_AT_ONCE)
                    yield rows[batch], columns[batch], flip


def _distance(
    prints: Fingerprints, rows: NDArray[np.int64], columns: NDArray[np.int64], flip: bool
) -> NDArray[np.uint8]:
    """Count the bits in which the hashes of images differ, the second perhaps mirrored."""
    others = prints.mirrored if flip else prints.hashes
    return np.asarray(np.bitwise_count(prints.hashes[rows] ^ others[columns]), np.uint8)


def _confirmed(
    prints: Fingerprints, candidates: Iterable[Candidates], min_correlation: float
) -> Iterator[tuple[int, int, float]]:
    """Yield the candidates whose thumbnails correlate, with the correlation."""
    for rows, columns, flip in candidates:
        seconds = prints.thumbnails[columns]
        if flip:
            seconds = np.flip(seconds, prints.mirror_axis + 1)
        correlation = aligned_correlation(prints.thumbnails[rows], seconds)
        for row, column, value in zip(rows, columns, correlation, strict=True):
            if value >= min_correlation:
                yield int(row), int(column), float(value)


def aligned_correlation(
    first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Correlate pairs of thumbnails at the best shift of up to a sixteenth along each axis.

    Args:
        first: (M, *spatial).
        second: (M, *spatial); shifted against `first`, and compared where both overlap.

    Returns:
        (M,) greatest Pearson correlation over the shifts; 0 where one is constant.
    """
    reach = [range(-(length // 16), length // 16 + 1) for length in first.shape[1:]]
    best = np.full(len(first), -1.0)
    for shift in product(*reach):
        here = tuple(slice(max(0, by), min(0, by) or None) for by in shift)
        there = tuple(slice(max(0, -by), min(0, -by) or None) for by in shift)
        one = _standardised(first[:, *here])
        two = _standardised(second[:, *there])
        best = np.maximum(best, np.einsum("mk,mk->m", one, two))
    return best


def _standardised(thumbnails: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    # Half a grey level of 256 over every pixel is quantisation, not content.
    floor = np.sqrt(flat.shape[1]) / 256
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(norm > floor, flat / np.maximum(norm, floor), 0.0)


def _perceptual_hashes(
    thumbnails: NDArray[np.float32], mirror_axis: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hash images and their mirror images by the signs of their lowest cosine frequencies.

    Mirroring an axis negates the odd frequencies along it, so the second hash is free.
    """
    spectrum = dctn(thumbnails, axes=range(1, thumbnails.ndim), norm="ortho")
    index = np.indices(thumbnails.shape[1:]).reshape(thumbnails.ndim - 1, -1)
    lowest = np.lexsort((index.max(axis=0), index.sum(axis=0)))[1 : BITS + 1]
    signs = spectrum.reshape(len(thumbnails), -1)[:, lowest] > 0
    odd = index[mirror_axis, lowest] % 2 == 1
    weights = np.uint64(1) << np.arange(len(lowest), dtype=np.uint64)
    hashes = (signs * weights).sum(axis=1, dtype=np.uint64)
    return hashes, hashes ^ (odd * weights).sum(dtype=np.uint64)


def _area_weights(have: int, want: int) -> NDArray[np.float32]:
    """Weights (want, have) that average an axis of `have` pixels into `want` equal stretches."""
    edges = np.linspace(0, have, want + 1)
    pixels = np.arange(have)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.maximum(overlap, 0.0) / (have / want)
    return np.asarray(weights, np.float32)


def _mirror_axis(orientation: str, spatial_dims: int) -> int:
    """The axis between left and right: by its code, else an image's columns."""
    sideways = [axis for axis, code in enumerate(orientation) if code in "LR"]
    if len(orientation) == spatial_dims and sideways:
        return sideways[0]
    return spatial_dims - 1


def _components(count: int, links: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    edges = np.array(links, np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), (count, count))
    _, component = connected_components(graph, directed=False)
    number, _ = pd.factorize(component)
    return np.asarray(number, np.int64)
