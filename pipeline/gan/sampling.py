"""Images from a trained family: one seed an image, the same pixels whatever is drawn beside it.

Each image has a generator of its own, and the networks run on one image at a time: convolution
and matrix kernels choose their blocking, and with it the last bits, by the size of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.compute import Machine, autocast
from pipeline.gan.family import Batch, Family


@torch.no_grad()
def sample(
    family: Family,
    labels: Sequence[int],
    seeds: Sequence[int],
    machine: Machine,
    *,
    advance: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Generate images, (N, C, *spatial) float32 in [-1, 1].

    Args:
        family: With its networks on the machine's device, in evaluation mode.
        labels: N class indices as the family counts them.
        seeds: N seeds; image i depends on label i, seed i and the weights alone.
        machine: Device and precision.
        advance: Called with 1 after each image, for a progress bar.
    """
    images = []
    for label, seed in zip(labels, seeds, strict=True):
        given = Batch(torch.tensor([label], device=machine.device))
        rng = torch.Generator(device=machine.device).manual_seed(seed)
        with autocast(machine):
            image = family.sample(given, [rng])
        images.append(image[0].float().cpu().contiguous().numpy())
        if advance is not None:
            advance(1)
    return np.stack(images)
