"""The classically augmented set as `augment` stored it, the real rows among it."""

from __future__ import annotations

from pipeline.arms.recipe import Ingredients, Recipe
from pipeline.classifier.batches import TrainingDiet
from pipeline.data.pools import Pool


def _diet(given: Ingredients) -> TrainingDiet:
    return TrainingDiet([Pool(given.classical)])


recipe = Recipe(_diet)
