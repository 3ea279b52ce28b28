"""Where random parameters come from: one generator a batch, or one generator an image.

One generator a batch is fast and serves training online. One an image makes every image's
parameters independent of the batch it is in, so that a stored copy can be replayed from the seed in
its manifest row. Both fill the same parameter dataclasses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

Rng: TypeAlias = torch.Generator | Sequence[np.random.Generator]


def uniform(rng: Rng, n: int, shape: tuple[int, ...]) -> Tensor:
    """Draw (n, *shape) float32 uniformly from [0, 1).

    Raises:
        ValueError: If there is one generator an image, but not n of them.
    """
    if isinstance(rng, torch.Generator):
        return torch.rand((n, *shape), generator=rng, device=rng.device)
    _check_count(rng, n)
    return _stacked([each.random(shape, dtype=np.float32) for each in rng], shape)


def normal(rng: Rng, n: int, shape: tuple[int, ...]) -> Tensor:
    """Draw (n, *shape) float32 from the standard normal distribution; see `uniform`."""
    if isinstance(rng, torch.Generator):
        return torch.randn((n, *shape), generator=rng, device=rng.device)
    _check_count(rng, n)
    return _stacked([each.standard_normal(shape, dtype=np.float32) for each in rng], shape)


def seeds(rng: Rng, n: int) -> list[int]:
    """Draw n seeds below 2**31, for libraries that seed themselves."""
    if isinstance(rng, torch.Generator):
        drawn = torch.randint(2**31, (n,), generator=rng, device=rng.device)
        return [int(seed) for seed in drawn.tolist()]
    _check_count(rng, n)
    return [int(each.integers(2**31)) for each in rng]


def _check_count(rngs: Sequence[np.random.Generator], n: int) -> None:
    if len(rngs) != n:
        raise ValueError(f"got {len(rngs)} generators for {n} images; give one an image")


def _stacked(drawn: list[np.ndarray], shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(np.stack(drawn)) if drawn else torch.empty((0, *shape))
