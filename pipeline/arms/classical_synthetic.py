"""The classically augmented set with a share of each batch synthetic.

Synthetic images are transformed online with the same ranges, and as often, as the classical set
holds augmented copies: the counterpart `classical` differs by the images alone.
"""

from __future__ import annotations

from pipeline.arms.recipe import Ingredients, Recipe
from pipeline.classifier.batches import TrainingDiet
from pipeline.data.pools import Pool


def _diet(given: Ingredients) -> TrainingDiet:
    return TrainingDiet(
        [
            Pool(given.classical, 1.0 - given.synthetic_share),
            given.synthetic_pool(given.synthetic_share, augmented=True),
        ]
    )


recipe = Recipe(_diet, takes_synthetic=True, mixes=True)
