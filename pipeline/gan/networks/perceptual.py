"""A network in whose features images are compared: trained on the fold's own training rows.

Sources: a content loss in a network's features: Ledig et al. 2017, arXiv:1609.04802, equation 5;
normalised features: Zhang et al. 2018, arXiv:1801.03924, equation 1, without the learnt weights.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pipeline.classifier.batches import TrainingDiet
from pipeline.classifier.small_resnet import SmallResNet
from pipeline.classifier.training import Budget, train
from pipeline.compute import Machine
from pipeline.data.pools import Pool
from pipeline.gan.family import Shape
from pipeline.imageset import ImageSet

_HELD_OUT = 0.2
_WIDTHS = SmallResNet.Options(channels=(8, 16, 32))


class Perceptual(SmallResNet):
    """A small classifier; what its stages see is compared."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape.channels, shape.size, shape.classes, _WIDTHS)

    def distance(self, made: Tensor, real: Tensor) -> Tensor:
        """Mean squared distance of normalised features, summed over the stages.

        Args:
            made: Images (N, C, *spatial) in [-1, 1], through which gradients pass.
            real: What they should look like, of the same shape.
        """
        # Its statistics are those of its own training, whatever mode the others are in.
        self.eval()
        with torch.no_grad():
            wanted = self._features(real)
        distances = [
            (own - other).square().sum(1).mean()
            for own, other in zip(self._features(made), wanted, strict=True)
        ]
        return torch.stack(distances).sum()

    def fit(self, rows: ImageSet, rng: np.random.Generator, *, steps: int) -> None:
        """Learn to tell the classes apart; rows of a fifth of the patients choose the checkpoint.

        Args:
            rows: Training rows.
            rng: Draws the patients and the batches.
            steps: Optimiser steps.
        """
        patients = rows.manifest["patient_id"]
        names = rng.permutation(patients.unique())
        held = patients.isin(names[: math.ceil(_HELD_OUT * len(names))]).to_numpy(bool)
        # Copies of what is looked at anyway would only cost time.
        shown = held & rows.manifest["origin"].eq("real").to_numpy(bool)
        budget = Budget(
            steps=steps,
            batch=16,
            learning_rate=2e-3,
            weight_decay=1e-2,
            evaluate_every=max(1, steps // 4),
        )
        trained = train(
            self,
            TrainingDiet([Pool(rows.take(~held if not held.all() else held))]),
            rows.take(shown if shown.any() else held),
            budget,
            Machine(),
            seed=int(rng.integers(2**31)),
        )
        self.load_state_dict(trained.network.state_dict())

    def _features(self, images: Tensor) -> list[Tensor]:
        """What each stage sees, of length 1 across channels at every place."""
        found = [self.stem(images)]
        for block in self.blocks:
            found.append(block(found[-1]))
        return [each / (each.square().sum(1, keepdim=True) + 1e-6).sqrt() for each in found]
