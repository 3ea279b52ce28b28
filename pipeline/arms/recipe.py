"""What a classifier is trained on, and in which mixture.

A recipe turns a fold's ingredients into a `TrainingDiet`; it never sees validation or test rows,
and sees synthetic images only as an ImageSet. To add one: a file here with a `recipe`, one line
in `registry.RECIPES`; the contract tests run it.

Arms that are compared should differ in one thing. So `real_synthetic` is `real` with a share of
each batch replaced, `classical_synthetic` and `mixup` start from `classical`, and synthetic images
come with the class frequencies and with the share of augmented images of what they stand in for:
a difference is then due to the images, not to rebalanced classes or stronger augmentation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.classifier.batches import TrainingDiet
from pipeline.data.pools import Pool, class_frequencies
from pipeline.imageset import ImageSet


@dataclass(frozen=True)
class Ingredients:
    """What a recipe may use, all of it from the training side of one fold.

    Args:
        real: The fold's real training rows.
        classical: The fold's classically augmented set; real rows included, `origin` tells.
        synthetic: The images named by the arm, where the recipe takes synthetic ones.
        synthetic_share: Share of each batch that is synthetic where real and synthetic mix.
    """

    real: ImageSet
    classical: ImageSet
    synthetic: ImageSet | None
    synthetic_share: float

    def synthetic_pool(self, share: float, *, augmented: bool) -> Pool:
        """Draw synthetic images with the class frequencies of the real ones.

        Args:
            share: Share of each batch.
            augmented: Augment as many of them online as the classical set holds copies; so they
                meet the same transforms, in the same share, as the real images in that set.
        """
        assert self.synthetic is not None, "the workflow gives them to recipes that take them"
        copies = float(self.classical.manifest["origin"].ne("real").mean())
        return Pool(
            self.synthetic,
            share,
            class_shares=class_frequencies(self.real),
            transformed=copies if augmented else 0.0,
        )


@dataclass(frozen=True)
class Recipe:
    """A named way to make a training diet.

    Args:
        diet: Chooses pools, shares and online transforms.
        takes_synthetic: Whether the arm's `images` are the synthetic ingredient.
        mixes: Whether they are a share of each batch, which there is a choice of; else all of it.
    """

    diet: Callable[[Ingredients], TrainingDiet]
    takes_synthetic: bool = False
    mixes: bool = False

    def shares(self, offered: Sequence[float]) -> tuple[float | None, ...]:
        """The synthetic shares of a batch that it can be run with, of those that are offered.

        Returns:
            What is offered if the recipe mixes, else its only share; None without synthetic ones.
        """
        if self.mixes:
            return tuple(offered)
        return (1.0,) if self.takes_synthetic else (None,)
