"""The real training rows as they are: what any augmentation has to beat."""

from __future__ import annotations

from pipeline.arms.recipe import Ingredients, Recipe
from pipeline.classifier.batches import TrainingDiet
from pipeline.data.pools import Pool


def _diet(given: Ingredients) -> TrainingDiet:
    return TrainingDiet([Pool(given.real)])


recipe = Recipe(_diet)
