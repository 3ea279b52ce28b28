"""The real training rows with a share of each batch synthetic, nothing augmented."""

from __future__ import annotations

from pipeline.arms.recipe import Ingredients, Recipe
from pipeline.classifier.batches import TrainingDiet
from pipeline.data.pools import Pool


def _diet(given: Ingredients) -> TrainingDiet:
    return TrainingDiet(
        [
            Pool(given.real, 1.0 - given.synthetic_share),
            given.synthetic_pool(given.synthetic_share, augmented=False),
        ]
    )


recipe = Recipe(_diet, takes_synthetic=True, mixes=True)
