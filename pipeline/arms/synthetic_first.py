"""`classical_synthetic` for the first half of the training, `classical` for the rest.

Synthetic images shape the features while the learning rate is high; what they get wrong is
unlearnt on real images and their copies before the training ends. The budget is that of all arms.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.arms import classical_synthetic
from pipeline.arms.recipe import Ingredients, Recipe
from pipeline.classifier.batches import TrainingDiet

_UNTIL = 0.5


def _diet(given: Ingredients) -> TrainingDiet:
    return replace(classical_synthetic.recipe.diet(given), mixed_until=_UNTIL)


recipe = Recipe(_diet, takes_synthetic=True, mixes=True)
