"""Which training rows a model sees, and how: the same for training it and for sampling from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.gan.diets.diet import Diet, Offers, OffersOthers
from pipeline.gan.family import Family, Shape, TrainingOptions
from pipeline.imageset import ImageSet
from pipeline.registry import DIETS


@dataclass(frozen=True)
class Rows:
    """The training rows of one model.

    Args:
        images: Those that it sees.
        diet: What makes batches and offers of them.
        shape: What the model is to be built for.
        made: The classes that it makes, each with its class index as the model counts them.
    """

    images: ImageSet
    diet: Diet
    shape: Shape
    made: dict[str, int]

    @classmethod
    def of(
        cls,
        training: ImageSet,
        family: type[Family],
        options: TrainingOptions,
        label: str | None,
        device: str,
    ) -> Rows:
        """Choose a model's rows out of a fold's classically augmented training set.

        Args:
            training: Real rows and their classical copies.
            family: Whose model.
            options: The family's.
            label: The one class that the model makes, or None for all.
            device: Where batches go.

        Raises:
            ParameterError: If the rows lack what the family needs, e.g. masks.
        """
        kind: type[Diet] = DIETS.load(family.batches)
        images, labels = _seen(training, kind, options, label)
        diet = kind(images, labels, options, device)
        made = classes_made(training.meta.classes, label)
        channels, *size = images.shape
        return cls(images, diet, Shape(channels, tuple(size), len(made), diet.words), made)


def classes_made(classes: tuple[str, ...], label: str | None) -> dict[str, int]:
    """The classes that a model makes, with their indices as it counts them.

    Args:
        classes: Of the images that it learns from.
        label: The one class that the model makes, or None for all.
    """
    return {name: index for index, name in enumerate(classes if label is None else (label,))}


def offers_from(
    sources: ImageSet,
    family: type[Family],
    options: TrainingOptions,
    label: str | None,
    device: str,
) -> Offers:
    """What a model makes images from, given rows to sample from and none to train on.

    The arguments and errors are those of `Rows.of`; of the training rows themselves the offers
    are those of their diet.
    """
    kind: Any = DIETS.load(family.batches)
    images, labels = _seen(sources, kind, options, label)
    make = kind.others if isinstance(kind, OffersOthers) else kind
    offers: Offers = make(images, labels, options, device)
    return offers


def _seen(
    training: ImageSet, kind: type[Diet], options: TrainingOptions, label: str | None
) -> tuple[ImageSet, NDArray[np.int64]]:
    """The rows that a model sees, and their class indices as it counts them."""
    manifest = training.manifest
    wanted = pd.Series(True, index=manifest.index)
    if label is not None and not kind.sees_others:
        wanted &= manifest["label"].eq(label)
    if not options.copies:
        wanted &= manifest["origin"].eq("real")
    images = training.take(wanted.to_numpy(bool))
    if label is None:
        return images, images.labels
    own = images.manifest["label"].eq(label).to_numpy(np.int64)
    return images, np.asarray(own if kind.sees_others else own * 0, np.int64)
