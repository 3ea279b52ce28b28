"""What synthetic images are judged by: the ground that a criterion is fitted on, and its contract.

To add a criterion: a file here with a class that satisfies `Criterion`, and one line in
`registry.SELECTORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Selection

PASS = 0.5
EMBEDDING = "embedding"

Embed = Callable[[NDArray[np.float32]], NDArray[np.float64]]
Classify = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Seen:
    """Images as criteria see them.

    Args:
        labels: (n,) class indices, of synthetic images those that were asked for.
        pixels: (n, C, *spatial) in [-1, 1].
        features: By feature space, (n, D).
    """

    labels: NDArray[np.int64]
    pixels: NDArray[np.float32]
    features: Mapping[str, NDArray[np.float64]]

    @classmethod
    def through(
        cls, spaces: Mapping[str, Embed], pixels: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> Self:
        """Describe images in every feature space."""
        return cls(labels, pixels, {name: embed(pixels) for name, embed in spaces.items()})


@dataclass(frozen=True)
class Ground:
    """What criteria are fitted on: one fold's real training rows.

    Args:
        training: The rows.
        groups: (n,) the patient, or cluster of duplicates, that each row belongs to.
        spaces: Feature spaces by name: `embedding`, of a network of the rows, and
            `texture`.
        classify: The network's probabilities by its embeddings, (N, D) to (N, K).
        classes: Their names.
        options: `synthesize.selection`.
    """

    training: Seen
    groups: NDArray[Any]
    spaces: Mapping[str, Embed]
    classify: Classify
    classes: tuple[str, ...]
    options: Selection


class Criterion(Protocol):
    """Judges images one by one, so that no image's score depends on which others there are."""

    @classmethod
    def fit(cls, ground: Ground) -> Self:
        """Learn from the training rows what to expect; draw nothing at random."""

    def __call__(self, seen: Seen) -> NDArray[np.float64]:
        """Score images, (n,) in [0, 1].

        One half is the pass mark; zero refuses an image whatever else there is to choose from.
        """
