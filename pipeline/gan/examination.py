"""A look at what a half-trained family makes, beside training and validation rows.

It gives the score by which the weights to keep are chosen, and what monitors of collapse, copying
and learning by heart read. Samples come from the same seeds at every look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import betabinom

from pipeline import seeding
from pipeline.compute import Machine, autocast
from pipeline.fidelity.distances import nearest, pairwise
from pipeline.fidelity.kernel import kernel_distance
from pipeline.gan.diets.diet import Diet, collate
from pipeline.gan.family import Batch, Family, Judges
from pipeline.imageset import ImageSet

FEWEST_SCORED = 8
_FEWEST_NEIGHBOURS = 20
_MOST_SAMPLES = 64
_FEWEST_SAMPLES = 32
_NEAR = 0.05
_CHANCE = 0.001
_BATCH = 16

Embed = Callable[[NDArray[np.float32]], NDArray[np.float64]]


@dataclass(frozen=True)
class Kind:
    """One class that a model makes.

    Args:
        label: The class index to ask the model for.
        train: Real training rows of the class.
        validation: Its validation rows, which no weight is fitted to.
    """

    label: int
    train: ImageSet
    validation: ImageSet


@dataclass(frozen=True)
class Examiner:
    """Looks at a model.

    Args:
        kinds: The classes that it makes.
        diet: Offers what images are made from.
        embed: Features in which images are compared, (N, C, *spatial) -> (N, D).
        machine: Device and precision.
        seed: Of the samples.
    """

    kinds: Sequence[Kind]
    diet: Diet
    embed: Embed
    machine: Machine
    seed: int

    @property
    def scores(self) -> bool:
        """Whether there are validation rows enough for a score."""
        return sum(len(kind.validation) for kind in self.kinds) >= FEWEST_SCORED

    @torch.no_grad()
    def __call__(self, family: Family) -> dict[str, float]:
        """Sample and compare.

        Returns:
            `score`: kernel distance to validation rows, the mean over classes where each has
            enough, else of all together; lower is better. `diversity_<label>`: mean distance of
            two samples over that of two training rows. `near_training`: share of samples nearer
            to training rows than the nearest twentieth of validation rows;
            `near_training_limit`: what it exceeds once in a thousand looks where nothing is
            copied. Where the discriminator can be asked, `d_train` and `d_validation`: the mean
            sigmoid of its logits; `d_memory`: how often it takes a training row for more real
            than a validation row of the class, one half where it learnt none by heart, whatever
            its logits mean.
        """
        made = [self._sample(family, kind) for kind in self.kinds]
        figures = {
            f"diversity_{kind.label}": _spread(features) / real
            for kind, features, (train, _) in zip(self.kinds, made, self._real, strict=True)
            if (real := _spread(train)) > 0
        }
        if self.scores:
            figures["score"] = self._score(made)
        every = [np.concatenate([pair[part] for pair in self._real]) for part in (0, 1)]
        if len(every[1]) >= _FEWEST_NEIGHBOURS:
            usual, _ = nearest(every[1], every[0])
            own, _ = nearest(np.concatenate(made), every[0])
            figures["near_training"] = float((own < np.quantile(usual, _NEAR)).mean())
            figures["near_training_limit"] = _near_limit(len(own), len(usual))
        if isinstance(family, Judges) and len(every[1]):
            figures |= self._judged(family)
        return figures

    @cached_property
    def _real(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Features of training and of validation rows, by kind."""
        return [
            (self.embed(kind.train.scaled()), self.embed(kind.validation.scaled()))
            for kind in self.kinds
        ]

    def _sample(self, family: Family, kind: Kind) -> NDArray[np.float64]:
        count = int(np.clip(len(kind.validation), _FEWEST_SAMPLES, _MOST_SAMPLES))
        seeds = [seeding.derive(self.seed, "examine", kind.label, i) for i in range(count)]
        images = []
        for start in range(0, count, _BATCH):
            some = seeds[start : start + _BATCH]
            offers = [
                self.diet.offer(kind.label, seeding.torch_rng(seed, "offer")) for seed in some
            ]
            rngs = [torch.Generator(self.machine.device).manual_seed(seed) for seed in some]
            with autocast(self.machine):
                made = family.sample(collate([offer.given for offer in offers]), rngs)
            images.append(made.images.float().cpu().contiguous().numpy())
        return self.embed(np.concatenate(images))

    def _score(self, made: Sequence[NDArray[np.float64]]) -> float:
        pairs = [(held, own) for (_, held), own in zip(self._real, made, strict=True)]
        if min(len(held) for held, _ in pairs) < FEWEST_SCORED:
            pairs = [tuple(np.concatenate(part) for part in zip(*pairs, strict=True))]  # type: ignore[list-item]
        return float(np.mean([kernel_distance(held, own)["kid"] for held, own in pairs]))

    def _judged(self, family: Judges) -> dict[str, float]:
        """What the discriminator says of up to 64 training and validation rows of each class."""
        pairs = [
            [self._logits(family, rows, kind.label) for rows in (kind.train, kind.validation)]
            for kind in self.kinds
            if len(kind.train) and len(kind.validation)
        ]
        train, validation = (torch.cat(each).sigmoid() for each in zip(*pairs, strict=True))
        memory = [_wins(*pair) for pair in pairs]
        return {
            "d_train": float(train.mean()),
            "d_validation": float(validation.mean()),
            "d_memory": float(np.average(memory, weights=[len(held) for _, held in pairs])),
        }

    def _logits(self, family: Judges, rows: ImageSet, label: int) -> torch.Tensor:
        chosen = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_SAMPLES)).astype(int)
        with autocast(self.machine):
            logits = family.judge(self._batch(rows.take(chosen), label))
        return logits.float().cpu()

    def _batch(self, rows: ImageSet, label: int) -> Batch:
        device = self.machine.device
        images = torch.from_numpy(rows.scaled()).to(device)
        masks: Any = None
        if rows.has_masks:
            masks = torch.from_numpy((rows.masks() > 0).astype(np.float32)).to(device)
        labels = torch.full((len(rows),), label, device=device)
        return Batch(labels, images, masks)


def _spread(features: NDArray[np.float64]) -> float:
    """Mean distance between two different rows."""
    if len(features) < 2:
        return 0.0
    return float(pairwise(features, features).sum() / (len(features) * (len(features) - 1)))


def _wins(first: torch.Tensor, second: torch.Tensor) -> float:
    """The share of pairs in which the first is greater, ties counted half."""
    difference = first[:, None] - second
    return float(((difference > 0).double() + 0.5 * (difference == 0).double()).mean())


def _near_limit(samples: int, rows: int) -> float:
    """The share of samples below the rows' 5% quantile that chance exceeds once in a thousand.

    The number of independent draws below the k-th smallest of n others is beta-binomial with
    parameters k and n - k + 1, which counts the chance in both; k is the rank just above the
    quantile.

    Source: Gumbel and von Schelling 1950, The distribution of the number of exceedances, Annals of
        Mathematical Statistics 21(2).
    """
    rank = int(_NEAR * (rows - 1)) + 2
    return float(betabinom(samples, rank, rows - rank + 1).isf(_CHANCE) / samples)
