"""The real training rows, each augmented afresh whenever it is drawn.

The transforms and ranges are those of the section `augment`, without end instead of in `copies`.
"""

from __future__ import annotations

from pipeline.arms.recipe import Ingredients, Recipe
from pipeline.classifier.batches import TrainingDiet
from pipeline.data.pools import Pool


def _diet(given: Ingredients) -> TrainingDiet:
    return TrainingDiet([Pool(given.real, transformed=1.0)])


recipe = Recipe(_diet)
