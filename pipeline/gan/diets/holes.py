"""Scans whose lesion is to be cut out and made anew: the diet of families that fill holes.

A hole covers a row's lesion with a margin. An offer is a real training scan, of any class, without
its own lesion; it is the parent of what is made. A row without a lesion gets another row's hole.
Batches hold `extra["holes"]`, (N, 1, *spatial), 1 where tissue is to be made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pipeline.config import NotNegative
from pipeline.gan.diets.diet import Offer
from pipeline.gan.diets.feed import Feed, Pick
from pipeline.gan.diets.masked import HOLES, require_masks
from pipeline.gan.family import Batch, TrainingOptions
from pipeline.imageset import ImageSet


class HolesOptions(TrainingOptions):
    """What is cut out.

    Attributes:
        hole: `ball`, the ellipsoid around a lesion, or `box`.
        margin: Pixels around the lesion that go with it.
    """

    hole: Literal["ball", "box"] = "ball"
    margin: NotNegative = 2.0


class Holes:
    """Batches of `labels`, `images`, `masks` and holes; an offer is a scan with a hole."""

    needs: ClassVar[str] = "images with masks of their lesions"
    sees_others: ClassVar[bool] = False
    facts: Mapping[str, Any] = {}
    words = 0

    def __init__(
        self, images: ImageSet, labels: NDArray[np.int64], options: TrainingOptions, device: str
    ) -> None:
        """Take the training rows.

        Raises:
            ParameterError: If they have no masks.
        """
        require_masks(images, options)
        assert isinstance(options, HolesOptions)
        self._feed = Feed(images, labels, options, device)
        self._cut = HOLES[options.hole]
        self._margin = options.margin
        self._device = device
        self._full = torch.from_numpy(
            np.flatnonzero(images.masks().any((1, *range(2, 2 + images.spatial_dims))))
        )

    def draw(self, rng: Generator) -> Batch:
        """Draw a training batch, the scans whole."""
        pick = self._feed.pick(rng)
        masks = self._feed.masks(pick)
        extra = {"holes": self._holes(pick, masks, rng)}
        return Batch(self._feed.labels(pick), self._feed.images(pick), masks, extra)

    def offer(self, label: int, rng: Generator) -> Offer:
        """Choose a scan of any class and cut out its lesion, which leaves the window's middle."""
        pick = self._feed.pick(rng, 1)
        holes = self._holes(pick, self._feed.masks(pick), rng)
        images = torch.where(holes > 0, 0.0, self._feed.images(pick))
        labels = torch.tensor([label], device=self._device)
        return Offer(Batch(labels, images, extra={"holes": holes}), self._feed.parents(pick))

    def _holes(self, pick: Pick, masks: Tensor, rng: Generator) -> Tensor:
        """Holes around lesions; where there is none, around another row's."""
        empty = ~(masks > 0).flatten(1).any(1)
        if bool(empty.any()):
            others = self._full[torch.randint(len(self._full), (len(masks),), generator=rng)]
            borrowed = self._feed.masks(replace(pick, rows=others))
            masks = torch.where(empty.view(-1, *[1] * (masks.ndim - 1)), borrowed, masks)
        return self._cut(masks, self._margin)
