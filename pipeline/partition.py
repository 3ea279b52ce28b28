"""Which group of images is trained on, validated on and tested on, in each fold.

Groups (a patient, a cluster of duplicates) are never divided. Classes are kept in proportion
although a group may hold several: groups with many images are dealt first, each to the bin that
it unbalances least, and those of one image last, to fill each bin's share of each class exactly.
Everything is settled by the arguments and the generator; see `pipeline.duplicates` for groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.errors import ParameterError

OFFICIAL_PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Images:
    """What a partition needs to know of N images.

    Args:
        labels: (N,) class indices.
        groups: (N,) group numbers; what shares one stays together.
        excluded: (N,) images that belong to no part.
        classes: Class names, in order.
    """

    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    excluded: NDArray[np.bool_]
    classes: tuple[str, ...]


def kfold(
    images: Images, *, folds: int, val_share: float, rng: Generator
) -> list[NDArray[np.str_]]:
    """Divide into folds; each is the test part once, and validation comes from the others.

    Returns:
        For each fold the (N,) part of every image: train, val, test or excluded.

    Raises:
        ParameterError: If some part of some fold would lack a class.
    """
    _check_groups_suffice(images, max(folds, 3), "split.folds", "give fewer folds, or more scans")
    table = _Table.of(images)
    fold_of = _deal(table.counts, np.full(folds, 1 / folds), rng)
    parts = []
    for fold in range(folds):
        bins = _hold_back(table.counts, np.flatnonzero(fold_of != fold), val_share, rng)
        bins[fold_of == fold] = OFFICIAL_PARTS.index("test")
        part = table.spread(bins)
        check_every_class(images, part, "split.folds", f"in fold {fold}; give fewer folds")
        parts.append(part)
    return parts


def holdout(
    images: Images, *, test_share: float, val_share: float, rng: Generator
) -> NDArray[np.str_]:
    """Hold back one test part, and from the rest one validation part.

    Args:
        images: What to divide.
        test_share: Share of all images.
        val_share: Share of the images that are not tested.
        rng: Breaks ties.

    Returns:
        (N,) part of every image.

    Raises:
        ParameterError: If some part would lack a class.
    """
    _check_groups_suffice(images, 3, "split.scheme", "give more scans")
    table = _Table.of(images)
    is_train = _deal(table.counts, np.array([test_share, 1 - test_share]), rng) == 1
    bins = _hold_back(table.counts, np.flatnonzero(is_train), val_share, rng)
    bins[~is_train] = OFFICIAL_PARTS.index("test")
    part = table.spread(bins)
    check_every_class(images, part, "split.test_share", "with it; change it, or give more scans")
    return part


def official(
    images: Images, parts: Sequence[str], *, val_share: float, rng: Generator
) -> NDArray[np.str_]:
    """Take the source's own parts, but let no group span them.

    Of a group that spans parts, the images on the training side are excluded, and the test part
    stays as published, whatever `images.excluded` says of it. A source without a validation part
    gets one from its training part.

    Args:
        images: What to divide.
        parts: (N,) the source's parts, each train, val or test.
        val_share: Share of the training part to validate on, where the source has no such part.
        rng: Breaks ties.

    Returns:
        (N,) part of every image.

    Raises:
        ParameterError: If the source has no parts, or some part would lack a class.
    """
    given = np.asarray(parts, np.str_)
    if not set(given) >= {"train", "test"} or not set(given) <= set(OFFICIAL_PARTS):
        problem = "got 'official', but the source gives no train and test; use kfold or holdout"
        raise ParameterError("split.scheme", problem)
    part = np.where(images.excluded & (given != "test"), "excluded", given).astype("U8")
    if "val" not in given:
        part = _validate_on_some(images, part, val_share, rng)
    for upper, lower in (("test", ("train", "val")), ("val", ("train",))):
        seen = np.isin(images.groups, images.groups[part == upper])
        part[seen & np.isin(part, lower)] = "excluded"
    check_every_class(images, part, "split.scheme", "once its duplicates are out; use kfold")
    return part


def limit_training(
    images: Images,
    part: NDArray[np.str_],
    size: float,
    *,
    rng: Generator,
    draw: int = 0,
    draws: int = 1,
) -> NDArray[np.str_]:
    """Keep some groups of the training part and exclude the rest of it.

    With a generator in the same state, the groups kept of a smaller size are among those kept of
    a greater one in the same draw, and any size keeps the classes about in proportion. Different
    draws then start at places spread evenly over one shuffled circle of groups, so that they
    share no group as long as there are enough, and else use all groups about equally often.

    Args:
        images: All images.
        part: (N,) part of each.
        size: How many groups, an int; or which share of those in the training part, a float.
        rng: Shuffles; hand every size and draw one in the same state.
        draw: Which draw this is, from 0.
        draws: How many draws there are.

    Returns:
        (N,) part of every image.

    Raises:
        ParameterError: If there are fewer groups, or so few are asked for that a class is absent.
    """
    place = "split.train_patients"
    is_train = part == "train"
    groups = np.unique(images.groups[is_train])
    count = size if isinstance(size, int) else max(1, math.floor(size * len(groups) + 0.5))
    if count > len(groups):
        problem = f"got {count}, but a fold has only {len(groups)} training groups; give fewer"
        raise ParameterError(place, f"{problem}, or null for all")
    turned = draw * len(groups) // draws
    kept = _nested_order(images, groups, is_train, turned, rng)[:count]
    limited = np.where(is_train & ~np.isin(images.groups, kept), "excluded", part)
    check_every_class(images, limited, place, f"with {count} training groups; give more")
    return limited


def check_every_class(images: Images, part: NDArray[np.str_], parameter: str, advice: str) -> None:
    """Raise a ParameterError if train, val or test lacks a class."""
    for name in OFFICIAL_PARTS:
        present = np.bincount(images.labels[part == name], minlength=len(images.classes))
        if not present.all():
            missing = images.classes[int(np.argmin(present))]
            raise ParameterError(parameter, f"{name} would have no image of {missing!r} {advice}")


@dataclass(frozen=True)
class _Table:
    """Groups as rows of class counts, excluded images left out."""

    counts: NDArray[np.int64]
    row_of_image: NDArray[np.int64]
    excluded: NDArray[np.bool_]

    @classmethod
    def of(cls, images: Images) -> _Table:
        used = ~images.excluded
        row_of_image = np.unique(images.groups, return_inverse=True)[1].reshape(-1)
        counts = np.zeros((int(row_of_image.max()) + 1, len(images.classes)), np.int64)
        np.add.at(counts, (row_of_image[used], images.labels[used]), 1)
        return cls(counts, row_of_image, images.excluded)

    def spread(self, bins: NDArray[np.int64]) -> NDArray[np.str_]:
        """Give every image the part of its group, numbered as in OFFICIAL_PARTS."""
        part = np.array(OFFICIAL_PARTS, "U8")[bins[self.row_of_image]]
        return np.where(self.excluded, "excluded", part)


def _hold_back(
    counts: NDArray[np.int64], rows: NDArray[np.int64], val_share: float, rng: Generator
) -> NDArray[np.int64]:
    """Deal some rows into train (0) and val (1); all other rows are 0."""
    bins = np.zeros(len(counts), np.int64)
    bins[rows] = _deal(counts[rows], np.array([1 - val_share, val_share]), rng)
    return bins


def _deal(
    counts: NDArray[np.int64], shares: NDArray[np.float64], rng: Generator
) -> NDArray[np.int64]:
    """Deal groups into bins that each get about their share of every class.

    Args:
        counts: (G, K) images of each class in each group.
        shares: (B,) positive, summing to one.
        rng: Orders groups that are alike.

    Returns:
        (G,) bin of each group.
    """
    target = shares[:, None] * counts.sum(axis=0)
    filled = np.zeros_like(target)
    bins = np.zeros(len(counts), np.int64)
    order = rng.permutation(len(counts))
    size = counts[order].sum(axis=1)
    several = order[size > 1]
    for row in several[np.argsort(-counts[several].sum(axis=1), kind="stable")]:
        bins[row] = _least_unbalanced(filled, target, counts[row])
        filled[bins[row]] += counts[row]
    singles = order[size == 1]
    for index in range(counts.shape[1]):
        rows = singles[counts[singles, index] == 1]
        quota = _quotas(target[:, index] - filled[:, index], len(rows))
        bins[rows] = np.repeat(np.arange(len(shares)), quota)
    _give_every_bin_every_class(counts, bins, len(shares))
    return bins


def _least_unbalanced(
    filled: NDArray[np.float64], target: NDArray[np.float64], group: NDArray[np.int64]
) -> int:
    """The bin whose squared shortfall, relative to its targets, a group reduces most."""
    scale = np.maximum(target, 1e-9)
    scale = scale * np.maximum(target.sum(axis=0), 1e-9)
    # |t - f - g|^2 - |t - f|^2 = g (g - 2 (t - f)), summed over the classes in the group.
    change = (group * (group - 2 * (target - filled)) / scale).sum(axis=1)
    return int(np.argmin(change))


def _quotas(wanted: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Round what bins lack to whole numbers that sum to `total`, by largest remainder."""
    lack = np.maximum(wanted, 0.0)
    exact = lack * (total / lack.sum()) if lack.sum() > 0 else np.full(len(lack), total / len(lack))
    quota: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    largest = np.argsort(quota - exact, kind="stable")
    quota[largest[: total - int(quota.sum())]] += 1
    return quota


def _give_every_bin_every_class(
    counts: NDArray[np.int64], bins: NDArray[np.int64], count: int
) -> None:
    """Move a small group to a bin that lacks a class, from the bin that has most such groups."""
    holds = counts > 0
    for index in range(counts.shape[1]):
        for empty in range(count):
            having = np.bincount(bins[holds[:, index]], minlength=count)
            if having[empty] or having.max() < 2:
                continue
            rows = np.flatnonzero(holds[:, index] & (bins == int(np.argmax(having))))
            bins[rows[np.argmin(counts[rows].sum(axis=1))]] = empty


def _nested_order(
    images: Images,
    groups: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    turned: int,
    rng: Generator,
) -> NDArray[np.int64]:
    """Order groups so that every beginning of the order holds all kinds of group in proportion.

    The order is a circle, which starts `turned` groups after its first.
    """
    labels_of: dict[int, set[int]] = {int(group): set() for group in groups}
    for group, label in zip(images.groups[chosen], images.labels[chosen], strict=True):
        labels_of[int(group)].add(int(label))
    strata: dict[tuple[int, ...], list[int]] = {}
    for group in rng.permutation(groups):
        strata.setdefault(tuple(sorted(labels_of[int(group)])), []).append(int(group))
    places = [
        ((index + offset) / len(stratum), group)
        for (_, stratum), offset in zip(
            sorted(strata.items()), rng.random(len(strata)), strict=True
        )
        for index, group in enumerate(stratum)
    ]
    circle = [group for _, group in sorted(places)]
    order = circle[turned:] + circle[:turned]
    # The first group of each class goes to the front, so that few groups still hold every class.
    front: list[int] = []
    covered: set[int] = set()
    for group in order:
        if labels_of[group] - covered:
            front.append(group)
            covered |= labels_of[group]
    first = set(front)
    rest = [group for group in order if group not in first]
    return np.array(front + rest, np.int64)


def _validate_on_some(
    images: Images, part: NDArray[np.str_], val_share: float, rng: Generator
) -> NDArray[np.str_]:
    """Turn some training groups that the test part does not touch into a validation part."""
    untouched = (part == "train") & ~np.isin(images.groups, images.groups[part == "test"])
    rest = replace(images, excluded=~untouched)
    _check_groups_suffice(rest, 2, "split.scheme", "use kfold")
    table = _Table.of(rest)
    shares = np.array([1 - val_share, val_share])
    is_val = _deal(table.counts, shares, rng)[table.row_of_image] == 1
    return np.where(untouched & is_val, "val", part)


def _check_groups_suffice(images: Images, least: int, parameter: str, advice: str) -> None:
    """Refuse a class that lies in fewer groups than there are parts to fill."""
    used = ~images.excluded
    for index, name in enumerate(images.classes):
        count = len(np.unique(images.groups[used & (images.labels == index)]))
        if count < least:
            raise ParameterError(
                parameter,
                f"class {name!r} has {count} groups (patients, or clusters of duplicates), "
                f"and every part of a split needs one, which takes {least}; {advice}, or see "
                "data/duplicates.csv and split.duplicates if too much was taken for a duplicate",
            )
