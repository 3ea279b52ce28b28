"""The only home of randomness: every generator derives from the root seed and a path of names.

`derive(seed, "train_gan", "dcgan", 0)` is a number that depends on all of its arguments and on
nothing else, so that adding a stage, a fold or a worker never shifts the draws of another.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive(root: int, *names: str | int) -> int:
    """Derive an independent seed below 2**63 from the root seed and a path of names.

    Args:
        root: The root seed, `seed` of params.yaml.
        names: What the seed is for, from coarse to fine; order matters.
    """
    text = "/".join([str(root), *(f"{type(name).__name__}:{name}" for name in names)])
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def numpy_rng(root: int, *names: str | int) -> np.random.Generator:
    """Make a NumPy generator for a path of names."""
    return np.random.default_rng(derive(root, *names))


def torch_rng(root: int, *names: str | int, device: str = "cpu") -> torch.Generator:
    """Make a PyTorch generator for a path of names, on a device."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(root, *names))


def seed_initialisation(root: int, *names: str | int) -> None:
    """Seed PyTorch's global generator, which layer initialisers and dropout draw from.

    PyTorch's layers take no generator of their own, so this is called right before networks are
    built or trained and nowhere else.
    """
    import torch

    torch.manual_seed(derive(root, *names))
