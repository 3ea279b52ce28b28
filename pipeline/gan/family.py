"""The contract between the one training loop and the GAN families.

A family owns its networks and what each phase minimises; `training.py` owns optimisers,
averaging, precision, checkpoints, resume, previews, monitors and progress.
To add a family: a file in families/ with a class that satisfies `Family` and an `Options` that
extends `TrainingOptions`, and one line in `registry.FAMILIES`; the contract tests run it.
One family never imports another.

A family reaches its networks through `self.networks` only, since the loop samples from a copy of
it with the averaged ones in their place; and whatever else must survive a resume (an adaptive
probability, fitted statistics) is a buffer of one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from pydantic import AfterValidator, Field
from torch import Generator, Tensor, nn

from pipeline.augment.differentiable import POLICIES
from pipeline.config import Count, NotNegative, Positive, Section, Share
from pipeline.errors import choose_one_of
from pipeline.imageset import ImageSet
from pipeline.registry import MONITORS

Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
Mirror = bool | tuple[int, ...]
Action = Literal["ignore", "warn", "stop", "roll_back"]


def _known_policies(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in POLICIES:
            raise ValueError(choose_one_of(name, POLICIES))
    return names


def _known_monitors(actions: Mapping[str, Action]) -> Mapping[str, Action]:
    for name in actions:
        if name not in MONITORS:
            raise ValueError(choose_one_of(name, MONITORS))
    return actions


Policies = Annotated[tuple[str, ...], AfterValidator(_known_policies)]


@dataclass(frozen=True)
class Shape:
    """What a family is built for.

    Args:
        channels: Channels of an image.
        size: *spatial of an image, 2 or 3 axes.
        classes: Number of classes that the family distinguishes; 1 for one model per class.
        words: Length of the code in which a text comes, for families that read one.
    """

    channels: int
    size: tuple[int, ...]
    classes: int
    words: int = 0

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
        masks: (N, 1, *spatial), 0 or 1, for families that need them.
        extra: Whatever else a diet brings, by the names that the diet's file gives.
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
    """

    name: str
    trains: tuple[str, ...]
    repeats: int = 1


@dataclass(frozen=True)
class Report:
    """What a phase's loss found.

    Args:
        terms: Named scalars; their sum is minimised.
        real_logits: The discriminator's on real images, for D(x) and the monitors.
        fake_logits: The discriminator's on generated images.
        figures: Named scalars to record beside them.
    """

    terms: Mapping[str, Tensor]
    real_logits: Tensor | None = None
    fake_logits: Tensor | None = None
    figures: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Sampled:
    """What a family makes.

    Args:
        images: (N, C, *spatial) in [-1, 1].
        masks: (N, 1, *spatial) of what the label is about, 0 or 1, where the family knows it.
    """

    images: Tensor
    masks: Tensor | None = None


class TrainingOptions(Section):
    """What the loop needs to know to train any family; a family's options extend it.

    Attributes:
        steps: Rounds of all phases.
        batch: Images a step.
        copies: Train on the classical copies as well, not on the real images alone.
        mirror: Mirror real images at random: `true` along every axis that `augment.flip` allows,
            a list along those spatial axes, e.g. [1]. Better than letting the
            discriminator flip what it sees, which leaves the generator with one orientation.
        turn: Turn real images by quarter turns at random, in planes whose two axes are equally
            long, where `augment.rotation_degrees` allows 90 or more about every axis.
        balanced: Draw classes equally often, so that the rare one is learnt too.
        learning_rate: Adam's, for every network that `learning_rates` does not name.
        learning_rates: By network, where it differs.
        betas: Adam's, for gradient and squared gradient.
        decay_from: Share of training after which learning rates go linearly to zero; 1 is never.
        clip: Greatest gradient norm of a step; 0 does not clip.
        ema: Longest decay of the weights' average, which is what samples; 0 is no average.
        examinations: How often samples are drawn, scored against validation rows and shown to the
            monitors; the best-scored weights are kept. 0 keeps the last ones.
        monitors: By monitor, what its alarm does instead of its own choice: `ignore`, `warn`,
            `stop`, or `roll_back` to the last good weights, at half the learning rate.
    """

    steps: Count = 1200
    batch: Count = 32
    copies: bool = True
    mirror: Mirror = False
    turn: bool = False
    balanced: bool = True
    learning_rate: Positive = 2e-4
    learning_rates: Mapping[str, Positive] = {}
    betas: tuple[Decay, Decay] = (0.5, 0.999)
    decay_from: Share = 1.0
    clip: NotNegative = 0.0
    ema: Decay = 0.998
    examinations: Annotated[int, Field(ge=0)] = 8
    monitors: Annotated[Mapping[str, Action], AfterValidator(_known_monitors)] = {}


class Family(Protocol):
    """A kind of generative model.

    Attributes:
        Options: What can be chosen in params.yaml, with defaults.
        conditional: Whether one model knows all classes; if not, the workflow trains a model per
            class on that class alone.
        batches: What the family eats, a key of `registry.DIETS`.
        makes_masks: Whether every image comes with a mask.
        options: As it was built.
        networks: Everything that is trained, averaged and saved.
    """

    Options: ClassVar[type[TrainingOptions]]
    conditional: ClassVar[bool]
    batches: ClassVar[str]
    makes_masks: ClassVar[bool]
    options: Any
    networks: nn.ModuleDict

    def __init__(self, shape: Shape, options: Any) -> None:
        """Build the networks."""

    def phases(self, step: int) -> Sequence[Phase]:
        """What round number `step` of `options.steps` consists of, counted from 0."""

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the phase minimises on a batch."""

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Generate N images, image i from generator i and row i of what is given alone."""


@runtime_checkable
class Prepares(Protocol):
    """A family with something to fit before the first step (optional)."""

    def prepare(self, train: ImageSet, rng: np.random.Generator) -> None:
        """Fit closed forms or auxiliary networks on the training rows."""


@runtime_checkable
class FollowsSteps(Protocol):
    """A family that acts after an optimiser step (optional)."""

    def after_step(self, phase: str, report: Report) -> None:
        """Clip weights, adapt augmentation and the like; state lives in buffers."""


@runtime_checkable
class Judges(Protocol):
    """A family whose discriminator can be asked about images (optional).

    Asked for training and for validation rows, it shows a discriminator that learns by heart.
    """

    def judge(self, batch: Batch) -> Tensor:
        """The discriminator's logits (N,) for real images as they are."""


@runtime_checkable
class Walks(Protocol):
    """A family that makes images from a latent which can be moved (optional).

    `sample` is `decode` of `latents`.
    """

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw latents (N, ...), number i from generator i."""

    def decode(self, latents: Tensor, given: Batch) -> Sampled:
        """Generate an image for each latent and row of what is given."""
