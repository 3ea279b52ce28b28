"""Images of a class beside images of the others, which nothing pairs: the diet of translation.

The model of a class is handed all rows. It learns what its own class looks like from the first
domain and what it will be given from the second; an offer is a training image of another class,
which is to be turned into its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pipeline.errors import ParameterError
from pipeline.gan.diets.diet import Offer
from pipeline.gan.diets.feed import Feed
from pipeline.gan.family import Batch, TrainingOptions
from pipeline.imageset import ImageSet

SOURCES = "sources"


class UnpairedOptions(TrainingOptions):
    """What can be chosen about the two domains.

    Attributes:
        copies: Translate classical copies of the other classes' images as well as those images.
            A source gives one image, so that its copies are what more images are made from.
        copied_targets: Learn the own class from its classical copies as well, whose noise and
            blur then come back in what is made.
        balanced: Draw the other classes equally often.
    """

    copies: bool = True
    copied_targets: bool = False


class Unpaired:
    """Batches of the own class's `images` and, in `extra`, as many `sources` of other classes.

    An offer's `images` is a source, mirrored at random where the options mirror.
    """

    needs: ClassVar[str] = "images of another class"
    sees_others: ClassVar[bool] = True
    facts: Mapping[str, Any] = {}
    words = 0

    def __init__(
        self, images: ImageSet, labels: NDArray[np.int64], options: TrainingOptions, device: str
    ) -> None:
        """Take the training rows, 1 in `labels` for the own class and 0 for the others.

        Raises:
            ParameterError: If there is no other class, or no image of the own one to learn from.
        """
        assert isinstance(options, UnpairedOptions)
        own = labels == 1
        learnt = own if options.copied_targets else own & _real(images)
        if own.all() or not learnt.any():
            raise ParameterError(
                "train_gan.families",
                "a family that translates one class into another needs training images of at "
                f"least two classes; of {len(own)} images {int(learnt.sum())} are of the class "
                f"to make and {int((~own).sum())} of others; choose a family that makes images "
                "from noise",
            )
        targets = images.take(learnt)
        self._targets = Feed(targets, np.zeros(len(targets), np.int64), options, device)
        self._others = Others(images, labels, options, device)

    def draw(self, rng: Generator) -> Batch:
        """Draw a training batch: N images of either domain, independent of each other."""
        own, sources = self._targets.pick(rng), self._others.draw(rng)
        return Batch(
            self._targets.labels(own),
            self._targets.images(own),
            extra={SOURCES: sources},
        )

    def offer(self, label: int, rng: Generator) -> Offer:
        """Choose an image of another class to be turned into the own one."""
        return self._others.offer(label, rng)

    @staticmethod
    def others(
        images: ImageSet, labels: NDArray[np.int64], options: TrainingOptions, device: str
    ) -> Others:
        """Offer images of other classes, though there be none of the own one to learn from."""
        return Others(images, labels, options, device)


class Others:
    """Images of the other classes, labelled 0; the arguments are those of `Unpaired`."""

    def __init__(
        self, images: ImageSet, labels: NDArray[np.int64], options: TrainingOptions, device: str
    ) -> None:
        sources = images.take(labels == 0)
        self._sources = Feed(sources, sources.labels, options, device)

    def draw(self, rng: Generator) -> Tensor:
        """Draw a training batch's sources, (N, C, *spatial)."""
        return self._sources.images(self._sources.pick(rng))

    def offer(self, label: int, rng: Generator) -> Offer:
        """Choose an image to be turned into the own class."""
        pick = self._sources.pick(rng, 1)
        source = self._sources.images(pick)
        labels = torch.tensor([label], device=source.device)
        return Offer(Batch(labels, source), self._sources.parents(pick))


def _real(images: ImageSet) -> NDArray[np.bool_]:
    return images.manifest["origin"].eq("real").to_numpy(bool)
