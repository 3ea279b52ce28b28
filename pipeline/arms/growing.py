"""A training set that grows: real rows, more and more copies of them, then synthetic images.

Every size is the beginning of one shuffled order, so that a larger set holds the smaller ones, and
every beginning holds the classes as the real rows do: what changes along a curve is the number of
images. All images of a set are drawn equally often, and the budget stays what it is.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from pipeline.classifier.batches import TrainingDiet
from pipeline.data.pools import Pool
from pipeline.imageset import ImageSet


def nested_order(labels: ArrayLike, shares: ArrayLike, *, rng: Generator) -> NDArray[np.int64]:
    """Order images so that every beginning holds the classes in the given shares, give or take one.

    Args:
        labels: (N,) class indices.
        shares: (K,) wanted share of each class.
        rng: Shuffles within classes.

    Returns:
        Positions, as many as there are until a class runs out.
    """
    given, wanted = np.asarray(labels, np.int64), np.asarray(shares, np.float64)
    wanted = wanted / wanted.sum()
    places, positions = [], []
    ends = np.inf
    for index in np.flatnonzero(wanted > 0):
        mine = rng.permutation(np.flatnonzero(given == index))
        ends = min(ends, len(mine) / wanted[index])
        # The j-th of a class belongs where j of it are due.
        places.append((np.arange(len(mine)) + 0.5) / wanted[index])
        positions.append(mine)
    place, position = np.concatenate(places), np.concatenate(positions)
    order = np.argsort(place, kind="stable")
    return np.asarray(position[order][place[order] <= ends + 1e-9], np.int64)


def grown(
    classical: ImageSet,
    copies: NDArray[np.int64],
    synthetic: ImageSet | None = None,
    drawn: NDArray[np.int64] | None = None,
) -> TrainingDiet:
    """Mix a fold's real rows with some copies and some synthetic images, all drawn equally often.

    Args:
        classical: The fold's classically augmented set, real rows among it.
        copies: Positions of the copies to add.
        synthetic: Synthetic images.
        drawn: Positions of those to add.
    """
    taken = classical.manifest["origin"].eq("real").to_numpy(bool).copy()
    taken[copies] = True
    pools = [Pool(classical.take(taken))]
    if synthetic is not None and drawn is not None and len(drawn):
        pools.append(Pool(synthetic.take(np.sort(drawn))))
    return TrainingDiet(pools, united=True)
