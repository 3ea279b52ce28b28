"""Do images show the attributes that they were asked to have?

For generators that are told attributes in words. Each attribute's levels are merged into two, the
commonest and the others, and a classifier of real rows tells them apart.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.fidelity.features.fold_embedding import FoldEmbedding
from pipeline.fidelity.floor import Measured
from pipeline.fidelity.probes.probe import Question, share
from pipeline.imageset import COLUMNS, ImageSet
from pipeline.statistics import wilson

FEWEST = 50


def attribute_agreement(question: Question) -> dict[str, Measured | float]:
    """Ask about each attribute with at least 50 training images on both of its merged levels.

    Returns:
        `attribute_<column>`, the mean over the two levels of the share of right answers (chance
        is one half), and `attribute_<column>_low`, the lower end of its 95% interval (Wilson).
        Nothing for generators that were told no attribute.
    """
    told = [str(name) for name in question.synthetic.manifest if name not in COLUMNS]
    found: dict[str, Measured | float] = {}
    for column in told:
        if (level := _commonest(question.training.manifest, column)) is not None:
            found |= _ask(question, column, level)
    return found


def _commonest(manifest: pd.DataFrame, column: str) -> str | None:
    """The commonest level of a column of words, if it and the others are common enough."""
    if column not in manifest or pd.api.types.is_numeric_dtype(manifest[column]):
        return None
    counts = manifest[column].value_counts()
    rest = len(manifest) - int(counts.iloc[0])
    return str(counts.index[0]) if min(int(counts.iloc[0]), rest) >= FEWEST else None


def _ask(question: Question, column: str, level: str) -> dict[str, Measured | float]:
    def merged(images: ImageSet) -> ImageSet:
        labels = images.manifest[column].eq(level).map({True: "level", False: "other"})
        return images.relabelled(list(labels), ("other", "level"))

    embedding = FoldEmbedding.fit(
        merged(question.training),
        merged(question.validation),
        steps=question.steps,
        seed=question.seed,
        machine=question.machine,
        augment=question.augment,
    )
    made, held_out = (merged(each) for each in (question.synthetic, question.held_out))
    hits, real_hits = (_balanced(embedding, each) * len(each) for each in (made, held_out))
    return {
        f"attribute_{column}": share(hits, len(made), real_hits, len(held_out)),
        f"attribute_{column}_low": wilson(hits, len(made))[0],
    }


def _balanced(embedding: FoldEmbedding, images: ImageSet) -> float:
    """Mean over the levels that occur of the share of right answers."""
    right = embedding.probabilities(images).argmax(1) == images.labels
    return float(np.mean([right[images.labels == level].mean() for level in set(images.labels)]))
