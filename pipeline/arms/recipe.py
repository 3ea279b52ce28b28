"""What a classifier is trained on, and in which mixture.

A recipe turns a fold's ingredients into a `Diet`; it never sees validation or test rows, and sees
synthetic images only as an ImageSet. To add one: a file here with a function `recipe`, one line
in `registry.RECIPES`; the contract tests run it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pipeline.imageset import ImageSet


@dataclass(frozen=True)
class Ingredients:
    """What a recipe may use, all of it from the training side of one fold.

    Args:
        real: The fold's real training rows.
        classical: The fold's classically augmented set; real rows included, `origin` tells.
        synthetic: The images named by the arm, where they are synthetic.
        synthetic_share: Share of each batch that is synthetic where real and synthetic mix.
    """

    real: ImageSet
    classical: ImageSet
    synthetic: ImageSet | None
    synthetic_share: float


@dataclass(frozen=True)
class Pool:
    """Images drawn from together.

    Args:
        images: The images.
        share: Share of each batch that comes from this pool; shares of a diet sum to 1.
        balanced: Draw classes equally often, instead of as they come.
    """

    images: ImageSet
    share: float = 1.0
    balanced: bool = False


@dataclass(frozen=True)
class TrainingDiet:
    """What every batch is made of.

    Args:
        pools: Where images are drawn from.
        online: Classical augmentation of every drawn batch, with the parameters of `augment`.
        mixing: `mixup` mixes pairs of a batch with their labels.
    """

    pools: Sequence[Pool]
    online: bool = False
    mixing: Literal["none", "mixup"] = "none"


class Recipe(Protocol):
    """A named way to make a training diet."""

    def __call__(self, given: Ingredients) -> TrainingDiet:
        """Choose pools, shares and online transforms."""
