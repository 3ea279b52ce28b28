"""The real training rows with every class drawn equally often.

What rebalancing alone does, which augmentation is often credited with.
"""

from __future__ import annotations

from pipeline.arms.recipe import Ingredients, Recipe
from pipeline.classifier.batches import TrainingDiet
from pipeline.data.pools import Pool


def _diet(given: Ingredients) -> TrainingDiet:
    classes = len(given.real.meta.classes)
    return TrainingDiet([Pool(given.real, class_shares=(1 / classes,) * classes)])


recipe = Recipe(_diet)
