"""Features of the domain itself: what a classifier of the fold's own training rows looks at.

A small classifier is trained on the fold's training rows and its penultimate layer is the
embedding. It has seen neither held-out patients nor synthetic images, it needs no downloaded
weights, and it looks at what matters for the task; what it does not need, it may not see.
Works in 2D and 3D and with any number of channels.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.augment.choice import choose_online
from pipeline.classifier.batches import TrainingDiet
from pipeline.classifier.prediction import laid_out, predict, to_device
from pipeline.classifier.small_resnet import SmallResNet
from pipeline.classifier.training import Budget, train
from pipeline.compute import Machine, Report
from pipeline.config import Augment, Section
from pipeline.data.pools import Pool
from pipeline.fidelity.kept import kept
from pipeline.imageset import ImageSet
from pipeline.seeding import derive, seed_initialisation

_BATCH = 256
_WIDTHS = (8, 32, 64)  # narrow where the images are large, which is where the time goes
_BUDGET = Budget(
    steps=0, batch=64, learning_rate=2e-3, weight_decay=1e-2, evaluate_every=50, averaging=0.98
)


def embedding_seed(seed: int, repeat: int, fold: int) -> int:
    """The seed of a fold's embedding: one for all families and stages, which share its fit."""
    return derive(seed, "assess", "embedding", repeat, fold)


class FoldEmbedding:
    """The penultimate layer of a classifier of the fold, as a feature extractor.

    Args:
        network: The trained classifier, in evaluation mode.
        machine: Where it runs.
    """

    class Options(Section):
        """There is nothing to choose; `assess.embedding_steps` says how long it is trained."""

    needs_masks: ClassVar[bool] = False

    def __init__(self, network: nn.Module, machine: Machine) -> None:
        self._network = network
        self._machine = machine

    @classmethod
    def fit(
        cls,
        training: ImageSet,
        validation: ImageSet,
        *,
        options: Options | None = None,
        steps: int,
        seed: int,
        machine: Machine,
        augment: Augment,
        report: Report | None = None,
    ) -> Self:
        """Train the classifier whose penultimate layer is the embedding, once for each fold.

        Args:
            training: Real training rows of the fold.
            validation: Validation rows of the fold; they choose the checkpoint.
            options: Not used; part of every extractor's signature.
            steps: Optimiser steps.
            seed: Determines weights and batches.
            machine: Device, precision.
            augment: Online augmentation, which keeps the few training rows from being learnt by
                heart.
            report: Hears every step.
        """
        del options
        seed_initialisation(seed, "weights")
        channels, *size = training.shape
        network = SmallResNet(
            channels, tuple(size), len(training.meta.classes), SmallResNet.Options(channels=_WIDTHS)
        )
        laid_out(network, training.spatial_dims).to(machine.device).eval()

        def fit() -> dict[str, Tensor]:
            trained = train(
                network,
                TrainingDiet([Pool(training, transformed=1.0)]),
                validation,
                Budget(**{**vars(_BUDGET), "steps": steps}),
                machine,
                seed=seed,
                transform=choose_online(augment, training.spatial_dims),
                report=report,
            )
            return trained.network.state_dict()

        facts = {"steps": steps, "seed": seed, "augment": augment.model_dump(mode="json")}
        weights, known = kept(
            "fold_embedding", fit, sets=[training, validation], facts=facts, machine=machine
        )
        if known and report is not None:
            report(steps)
        network.load_state_dict(weights)
        return cls(network.eval(), machine)

    def probabilities(self, images: ImageSet) -> NDArray[np.float64]:
        """Classify images, (N, K), in the order of the training rows' classes."""
        return predict(self._network, images, self._machine)

    @torch.no_grad()
    def classified(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities, (N, K), of images that were embedded, (N, D)."""
        embedded = torch.from_numpy(features).float().to(self._machine.device)
        return torch.softmax(self._head(embedded).double(), dim=1).cpu().numpy()

    def __call__(self, images: ImageSet) -> NDArray[np.float64]:
        """Embed N images, (N, D)."""
        starts = range(0, len(images), _BATCH)
        return np.concatenate(
            [self.of_pixels(images.scaled(slice(start, start + _BATCH))) for start in starts]
        )

    @torch.no_grad()
    def of_pixels(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Embed images, (N, C, *spatial) in [-1, 1], as (N, D)."""
        seen: list[Tensor] = []
        hook = self._head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].cpu()))
        try:
            for start in range(0, len(images), _BATCH):
                batch = torch.from_numpy(np.asarray(images[start : start + _BATCH]))
                self._network(to_device(batch, self._machine))
        finally:
            hook.remove()
        features: NDArray[Any] = torch.cat(seen).double().numpy()
        return features

    @property
    def _head(self) -> nn.Linear:
        """The last layer, which turns the embedding into logits."""
        return [layer for layer in self._network.modules() if isinstance(layer, nn.Linear)][-1]
