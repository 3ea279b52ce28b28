"""Latents for sampling: one generator an image, truncation, and walks between them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor


def normal(length: int, rngs: Sequence[Generator], *, truncation: float = 1.0) -> Tensor:
    """Draw (N, length) from a normal distribution, row i from generator i.

    Args:
        length: Numbers a latent.
        rngs: N generators on the device.
        truncation: Factor; below 1 latents lie nearer to the mean, where images are likelier and
            more alike (in the spirit of Brock et al. 2019, arXiv:1809.11096, section 3.1).
    """
    rows = [torch.randn(length, generator=rng, device=rng.device) for rng in rngs]
    return truncation * torch.stack(rows)


def walk(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Go from one latent to another along the arc between them, (steps, *shape).

    Normal latents lie near a sphere; the straight way would lead through its thin inside.

    Args:
        start: A latent, of any shape.
        end: Another, of the same shape.
        steps: Latents on the way, both ends among them.

    Source: White 2016, arXiv:1609.04468, section 2.
    """
    cosine = torch.dot(start.flatten(), end.flatten()) / (start.norm() * end.norm())
    angle = torch.arccos(cosine.clamp(-1.0, 1.0))
    share = torch.linspace(0.0, 1.0, steps, device=start.device)
    share = share.reshape(-1, *[1] * start.ndim)
    if float(angle.sin()) < 1e-4:
        return torch.lerp(start[None], end[None], share)
    # Weights first: they are exactly one and zero at the ends.
    near, far = ((1.0 - share) * angle).sin() / angle.sin(), (share * angle).sin() / angle.sin()
    return near * start + far * end
