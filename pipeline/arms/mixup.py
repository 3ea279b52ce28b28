"""Mixup of the classically augmented set.

Zhang et al. 2018, arXiv:1710.09412, mix images that are augmented already; so does this, and the
arm differs from `classical` by the mixing alone.
"""

from __future__ import annotations

from pipeline.arms.recipe import Ingredients, Recipe
from pipeline.classifier.batches import TrainingDiet
from pipeline.data.pools import Pool


def _diet(given: Ingredients) -> TrainingDiet:
    return TrainingDiet([Pool(given.classical)], mixing="mixup")


recipe = Recipe(_diet)
