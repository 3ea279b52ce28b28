"""What a classifier eats: pools in fixed shares, online augmentation, mixup."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.data.pools import BatchSampler, Dataset, Pool, uniform_batches
from pipeline.seeding import derive, numpy_rng, torch_rng

# Images (N, C, *spatial), the generator, and (N, D) pixel spacing up to a factor -> images.
Transform: TypeAlias = Callable[[Tensor, torch.Generator, Tensor], Tensor]


@dataclass(frozen=True)
class TrainingDiet:
    """What every batch is made of.

    Args:
        pools: Where images are drawn from.
        mixing: `mixup` mixes pairs of a batch with their labels.
        united: Draw uniformly from the images of all pools together, whatever the pools' shares.
        mixed_until: Share of the batches, from the first on, that the pools' shares hold for; the
            rest are drawn from the first pool alone.
    """

    pools: Sequence[Pool]
    mixing: Literal["none", "mixup"] = "none"
    united: bool = False
    mixed_until: float = 1.0


def batches(
    diet: TrainingDiet,
    *,
    batch: int,
    steps: int,
    mixup_alpha: float,
    seed: int,
    transform: Transform | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw a fixed number of batches.

    Every kind of draw has its own generator, made from the seed and the step, so that turning
    one off leaves the others' draws as they were.

    Args:
        diet: What to draw.
        batch: Images in a batch.
        steps: Batches.
        mixup_alpha: Parameter of the Beta distribution that mixup draws from.
        seed: Determines every draw.
        transform: Online augmentation of (N, C, *spatial) in [-1, 1]; it is also given each
            image's pixel spacing, (N, D), since what turns voxels of unequal sides shears the
            patient.

    Yields:
        Images (batch, C, *spatial) float32 and class probabilities (batch, K), on the CPU.

    Raises:
        ValueError: If a pool asks for online augmentation and there is no transform.
    """
    if transform is None and any(pool.transformed > 0 for pool in diet.pools):
        raise ValueError("a pool is to be augmented online, but no transform was given")
    dataset = Dataset(*(pool.images for pool in diet.pools))
    classes = len(diet.pools[0].images.meta.classes)
    sampler: Iterable[list[int]] = (
        uniform_batches(len(dataset), batch=batch, steps=steps, seed=seed)
        if diet.united
        else _mixed(diet, batch=batch, steps=steps, seed=seed)
    )
    # The share of online augmentation of each image.
    shares = np.repeat(
        [pool.transformed for pool in diet.pools], [len(pool.images) for pool in diet.pools]
    )
    for step, positions in enumerate(sampler):
        wanted = shares[positions]
        images, labels = dataset.read(positions)
        targets = F.one_hot(labels, classes).float()
        if transform is not None and wanted.any():
            chosen = numpy_rng(seed, "transformed", step).random(batch) < wanted
            rows = torch.from_numpy(np.flatnonzero(chosen))
            if len(rows):
                spacing = dataset.spacing[torch.tensor(positions)[rows]]
                rng = torch_rng(seed, "transform", step)
                images[rows] = transform(images[rows], rng, spacing)
        if diet.mixing == "mixup":
            mixing = numpy_rng(seed, "mixup", step)
            images, targets = mixup(images, targets, alpha=mixup_alpha, rng=mixing)
        yield images, targets


def _mixed(diet: TrainingDiet, *, batch: int, steps: int, seed: int) -> Iterator[list[int]]:
    """Batches of all pools in their shares, then of the first one alone."""
    mixed = round(diet.mixed_until * steps)
    yield from BatchSampler(diet.pools, batch=batch, steps=mixed, seed=seed)
    alone = replace(diet.pools[0], share=1.0)
    rest = derive(seed, "alone")
    yield from BatchSampler([alone], batch=batch, steps=steps - mixed, seed=rest)


def mixup(
    images: Tensor, targets: Tensor, *, alpha: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Replace each image by a mixture with another of its batch, and its target alike.

    Args:
        images: (N, C, *spatial).
        targets: (N, K) class probabilities.
        alpha: Parameter of the Beta distribution of the weight, drawn once a batch.
        rng: Draws the weight and the partners.

    Returns:
        Images and targets of the same shapes.

    Source: Zhang et al. 2018, arXiv:1710.09412, equation 1.
    """
    weight = float(rng.beta(alpha, alpha))
    partner = torch.from_numpy(rng.permutation(len(images)))
    return (
        weight * images + (1.0 - weight) * images[partner],
        weight * targets + (1.0 - weight) * targets[partner],
    )
