"""What a family eats, and what it samples from: the contract of a diet.

To add one: a file here with a class that satisfies `Diet`, and one line in `registry.DIETS`; a
family asks for it by that name in `batches`. The same rows feed training and, where an image is
made from another (a mask, a scan to translate, a hole to fill), sampling: then the training image
that it is made from is named as its parent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator

from pipeline.gan.family import Batch, TrainingOptions
from pipeline.imageset import ImageSet


@dataclass(frozen=True)
class Offer:
    """What one image is to be made from.

    Args:
        given: One row, on the device.
        parents: Ids of the real training images that the made image owes pixels to.
        attributes: Manifest columns that hold for the made image because it was asked for them.
    """

    given: Batch
    parents: tuple[str, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)


class Offers(Protocol):
    """What images are made from when sampling."""

    def offer(self, label: int, rng: Generator) -> Offer:
        """Choose what an image of a class is made from; `rng` is on the CPU."""


class Diet(Protocol):
    """Batches to train on and offers to sample from.

    Attributes:
        needs: What images an offer is made from, in words; empty for one that needs none.
        sees_others: Whether a model of one class is handed the rows of the other classes too,
            labelled 0 against its own class's 1.
        facts: What must be kept with a model to offer without the rows, fit for JSON.
        words: Length of the code in which a text comes; 0 where there is none.
    """

    needs: ClassVar[str]
    sees_others: ClassVar[bool]
    facts: Mapping[str, Any]
    words: int

    def __init__(
        self, images: ImageSet, labels: NDArray[np.int64], options: TrainingOptions, device: str
    ) -> None:
        """Take the training rows.

        Args:
            images: The rows that the model may see.
            labels: (N,) class indices as the family counts them.
            options: The family's; a diet's own are among them.
            device: Where batches go.

        Raises:
            ParameterError: If the rows lack what the diet needs, e.g. masks.
        """

    def draw(self, rng: Generator) -> Batch:
        """Draw a training batch; `rng` is on the CPU."""

    def offer(self, label: int, rng: Generator) -> Offer:
        """Choose what an image of a class is made from; `rng` is on the CPU."""


@dataclass(frozen=True)
class Carried:
    """What offers are made of in the rows' place, once a model leaves them.

    Args:
        tensors: By name.
        facts: The rest, fit for JSON. Neither holds an image or an id.
    """

    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Carries(Protocol):
    """A diet that can offer without its training rows; each whose `needs` is empty must."""

    def carried(self) -> Carried:
        """Sum up what offers are made of, the same for the same rows in any order."""

    @staticmethod
    def offers(carried: Carried, device: str) -> Offers:
        """Offer from that alone."""


@runtime_checkable
class OffersOthers(Protocol):
    """A diet whose offers ask less of the rows than its training does (optional)."""

    @staticmethod
    def others(
        images: ImageSet, labels: NDArray[np.int64], options: TrainingOptions, device: str
    ) -> Offers:
        """Offer from rows that may not do for training; the arguments are the diet's own."""


@runtime_checkable
class Asks(Diet, Protocol):
    """A diet that can be asked for attributes (optional)."""

    def ask(self, label: int, wanted: Mapping[str, str], rng: Generator, *, place: str) -> Offer:
        """Offer what has the wanted levels by column; `place` names the parameter in errors."""


class Asked:
    """A diet's offers, all with wanted attributes."""

    def __init__(self, diet: Asks, wanted: Mapping[str, str], place: str) -> None:
        """Keep what is wanted, and the parameter that wants it."""
        self._diet, self._wanted, self._place = diet, wanted, place

    def offer(self, label: int, rng: Generator) -> Offer:
        """Offer what has the wanted attributes.

        Raises:
            ParameterError: If there are no such attributes.
        """
        return self._diet.ask(label, self._wanted, rng, place=self._place)


def collate(given: Sequence[Batch]) -> Batch:
    """Put rows that were offered one by one below one another."""
    first = given[0]
    return Batch(
        torch.cat([each.labels for each in given]),
        None if first.images is None else torch.cat([each.images for each in given]),  # type: ignore[misc]
        None if first.masks is None else torch.cat([each.masks for each in given]),  # type: ignore[misc]
        {name: torch.cat([each.extra[name] for each in given]) for name in first.extra},
    )
