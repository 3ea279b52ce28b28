"""Synthetic images alone, augmented like the classical set: how far they replace real ones.

The counterpart is `classical`: the same transforms, applied to real images.
"""

from __future__ import annotations

from pipeline.arms.recipe import Ingredients, Recipe
from pipeline.classifier.batches import TrainingDiet


def _diet(given: Ingredients) -> TrainingDiet:
    return TrainingDiet([given.synthetic_pool(1.0, augmented=True)])


recipe = Recipe(_diet, takes_synthetic=True)
