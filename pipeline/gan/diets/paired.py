"""Images with their masks: the diet of families that paint a scan around a mask.

An offer is a mask of the asked class: one out of a training row, which is then a parent, as it is
or warped, or one that is drawn after the training masks' likeness and owes pixels to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator

from pipeline.config import Share
from pipeline.gan.diets.diet import Offer
from pipeline.gan.diets.feed import Feed
from pipeline.gan.diets.masked import require_masks
from pipeline.gan.diets.outlines import Outlines, warped
from pipeline.gan.family import Batch, TrainingOptions
from pipeline.imageset import ImageSet


class PairedOptions(TrainingOptions):
    """Where the masks come from that images are painted around.

    Attributes:
        masks: `taken` as they are from training rows of the asked class, `warped` from there, or
            `drawn` by chance, of places, sizes and shapes like theirs.
        warp: How far masks are warped: 1 turns by up to 30 degrees, moves by 6 % of each axis,
            scales by up to 1.25 and bends by 8 %.
    """

    masks: Literal["taken", "warped", "drawn"] = "warped"
    warp: Share = 0.5


class Paired:
    """Batches of `labels`, `images` and `masks`; an offer is a class index and a mask."""

    needs: ClassVar[str] = "images with masks, some of the class"
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
        assert isinstance(options, PairedOptions)
        self._feed = Feed(images, labels, options, device)
        self._options = options
        self._device = device
        self._spacing = torch.from_numpy(images.spacing)
        self._outlines: dict[int, Outlines] = {}
        self._labels = labels

    def draw(self, rng: Generator) -> Batch:
        """Draw a training batch."""
        pick = self._feed.pick(rng)
        return Batch(self._feed.labels(pick), self._feed.images(pick), self._feed.masks(pick))

    def offer(self, label: int, rng: Generator) -> Offer:
        """Make a mask of a class."""
        labels = torch.tensor([label], device=self._device)
        if self._options.masks == "drawn":
            return Offer(Batch(labels, masks=self._outline(label).draw(rng).to(self._device)))
        pick = self._feed.pick(rng, 1, label)
        masks = self._feed.masks(pick)
        if self._options.masks == "warped":
            spacing = self._spacing[pick.rows]
            masks = warped(masks, self._options.warp, rng=rng, spacing=spacing)
        return Offer(Batch(labels, masks=masks), self._feed.parents(pick))

    def _outline(self, label: int) -> Outlines:
        """The likeness of a class's masks, found out when it is first asked for."""
        if label not in self._outlines:
            rows = np.flatnonzero(self._labels == label)
            masks = torch.from_numpy(self._feed.set.masks(rows) > 0)
            self._outlines[label] = Outlines.of(masks)
        return self._outlines[label]
