"""Images from a trained family: one seed an image, the same pixels whatever is drawn beside it.

Each image has generators of its own, and the networks run on one image at a time: convolution
and matrix kernels choose their blocking, and with it the last bits, by the size of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline import seeding
from pipeline.compute import Machine, autocast
from pipeline.gan.diets.diet import Offers
from pipeline.gan.family import Family


@dataclass(frozen=True)
class Sample:
    """One image and where it came from.

    Args:
        image: (C, *spatial) float32 in [-1, 1].
        mask: (1, *spatial) uint8 of what the label is about, where the family knows it.
        source: (C, *spatial) of the image that it was made from, if any.
        parents: Ids of the real training images that it owes pixels to.
        attributes: Manifest columns that it was asked to have.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.uint8] | None
    source: NDArray[np.float32] | None
    parents: tuple[str, ...]
    attributes: Mapping[str, object]


@torch.no_grad()
def sample(
    family: Family,
    diet: Offers,
    labels: Sequence[int],
    seeds: Sequence[int],
    machine: Machine,
    *,
    advance: Callable[[int], None] | None = None,
) -> list[Sample]:
    """Generate N images.

    Args:
        family: With its networks on the machine's device, in evaluation mode.
        diet: Offers what the images are made from.
        labels: N class indices as the family counts them.
        seeds: N seeds; image i depends on label i, seed i, the weights and the diet's rows alone.
        machine: Device and precision.
        advance: Called with 1 after each image, for a progress bar.
    """
    samples = []
    for label, seed in zip(labels, seeds, strict=True):
        offer = diet.offer(label, seeding.torch_rng(seed, "offer"))
        rng = torch.Generator(device=machine.device).manual_seed(seed)
        with autocast(machine):
            made = family.sample(offer.given, [rng])
        samples.append(
            Sample(
                image=_host(made.images),
                mask=None if made.masks is None else (_host(made.masks) > 0.5).astype(np.uint8),
                source=None if offer.given.images is None else _host(offer.given.images),
                parents=offer.parents,
                attributes=offer.attributes,
            )
        )
        if advance is not None:
            advance(1)
    return samples


def images_of(samples: Sequence[Sample]) -> NDArray[np.float32]:
    """(N, C, *spatial) of samples."""
    return np.stack([each.image for each in samples])


def _host(batch: torch.Tensor) -> NDArray[np.float32]:
    """The only row of a batch, in memory."""
    row: NDArray[np.float32] = batch[0].float().cpu().contiguous().numpy()
    return row
