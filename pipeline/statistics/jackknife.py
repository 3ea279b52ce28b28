"""What a figure owes to each group: the jackknife, leaving one group out at a time.

The moves are additive: those of a difference are the difference of the moves, those of a mean over
trained models the mean of theirs. Sums of their products over groups are the variances and
covariances that come from who happened to be tested.

Source: Efron and Stein 1981, doi:10.1214/aos/1176345462.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def leave_one_out(groups: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The weights of a test set without each of its groups in turn.

    Args:
        groups: (N,) group of each image, any integers.

    Returns:
        The groups that occur, (g,), and weights of 0 and 1, (g, N).
    """
    index = np.asarray(groups, np.int64)
    present = np.unique(index)
    return present, (index[None] != present[:, None]).astype(np.float64)


def jackknife_moves(left_out: ArrayLike) -> NDArray[np.float64]:
    """How far a figure moves as each group is left out.

    Args:
        left_out: (g,) the figure without each group; where it is undefined, it moves nowhere.

    Returns:
        (g,) scaled so that their squares sum to the jackknife's variance.
    """
    values = np.asarray(left_out, np.float64)
    defined = ~np.isnan(values)
    count = int(defined.sum())
    if count < 2:
        return np.zeros(values.shape)
    centred = np.where(defined, values - values[defined].mean(), 0.0)
    return np.asarray(centred * np.sqrt((count - 1) / count), np.float64)
