"""Would a classifier of real images say what the generator was asked for?"""

from __future__ import annotations

import numpy as np

from pipeline.fidelity.features.fold_embedding import FoldEmbedding
from pipeline.fidelity.floor import Measured
from pipeline.fidelity.probes.probe import Question, share
from pipeline.statistics import wilson


def label_agreement(question: Question) -> dict[str, Measured | float]:
    """Train a classifier on real rows and count where it agrees with the requested label.

    Returns:
        `label_agreement`; `label_agreement_low`, the lower end of its 95% interval (Wilson); and
        `label_chance`, what always naming the commonest requested class would reach. A share far
        above the held-out images' own means caricatures.
    """
    synthetic, held_out = question.synthetic, question.held_out
    if not len(synthetic) or not len(held_out):
        return {}
    embedding = FoldEmbedding.fit(
        question.training,
        question.validation,
        steps=question.steps,
        seed=question.seed,
        machine=question.machine,
        augment=question.augment,
    )
    right = int((embedding.probabilities(synthetic).argmax(1) == synthetic.labels).sum())
    real = int((embedding.probabilities(held_out).argmax(1) == held_out.labels).sum())
    return {
        "label_agreement": share(right, len(synthetic), real, len(held_out)),
        "label_agreement_low": wilson(right, len(synthetic))[0],
        "label_chance": float(np.bincount(synthetic.labels).max() / len(synthetic)),
    }
