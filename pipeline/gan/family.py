"""The contract between the one training loop and the GAN families.

A family owns its networks and what each phase minimises; `training.py` owns optimisers,
averaging, precision, checkpoints, resume, previews, monitors and progress.
To add a family: a file in families/ with a class that satisfies `Family` and a frozen `Options`,
and one line in `registry.FAMILIES`; the contract tests run it. One family never imports another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from torch import Generator, Tensor, nn

from pipeline.config import Section
from pipeline.imageset import ImageSet

Diet = Literal["plain", "labelled", "text", "paired", "unpaired", "low_high", "holes"]


@dataclass(frozen=True)
class Shape:
    """What a family is built for.

    Args:
        channels: Channels of an image.
        size: *spatial of an image, 2 or 3 axes.
        classes: Number of classes that the family distinguishes; 1 for one model per class.
    """

    channels: int
    size: tuple[int, ...]
    classes: int

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return len(self.size)


@dataclass(frozen=True)
class Batch:
    """What a family eats, and what it is given to sample from.

    Args:
        labels: (N,) class indices.
        images: (N, C, *spatial) in [-1, 1]; absent when a noise family samples.
        masks: (N, 1, *spatial), for families that need them.
        extra: Whatever else a diet brings, by name.
    """

    labels: Tensor
    images: Tensor | None = None
    masks: Tensor | None = None
    extra: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """One kind of optimiser step.

    Args:
        name: Handed back to `Family.loss`.
        trains: The names of the networks that the step changes.
        repeats: Steps of this phase in a round, each on a fresh batch.
        every: Rounds between two occurrences.
    """

    name: str
    trains: tuple[str, ...]
    repeats: int = 1
    every: int = 1


@dataclass(frozen=True)
class Report:
    """What a phase's loss found.

    Args:
        terms: Named scalars; their sum is minimised.
        real_logits: The discriminator's on real images, for D(x) and the monitors.
        fake_logits: The discriminator's on generated images.
    """

    terms: Mapping[str, Tensor]
    real_logits: Tensor | None = None
    fake_logits: Tensor | None = None


class Family(Protocol):
    """A kind of generative model."""

    Options: ClassVar[type[Section]]
    conditional: ClassVar[bool]
    batches: ClassVar[Diet]
    networks: nn.ModuleDict

    def __init__(self, shape: Shape, options: Any) -> None:
        """Build the networks."""

    def phases(self, progress: float) -> Sequence[Phase]:
        """The steps of a round, at a share of training done in [0, 1]."""

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the phase minimises on a batch."""

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Tensor:
        """Generate (N, C, *spatial) in [-1, 1], image i from generator i alone."""


class Prepares(Protocol):
    """A family with something to fit before the first step (optional)."""

    def prepare(self, train: ImageSet, rng: np.random.Generator) -> None:
        """Fit closed forms or auxiliary networks on the training rows."""


class FollowsSteps(Protocol):
    """A family that acts after an optimiser step (optional)."""

    def after_step(self, phase: str, report: Report) -> None:
        """Clip weights, adapt augmentation and the like."""
