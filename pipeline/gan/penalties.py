"""Gradient penalties on the discriminator, unweighted, in full precision.

They need the gradient's graph, which half precision cannot hold, so autocast is off inside.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Generator, Tensor

Critic: TypeAlias = Callable[[Tensor], Tensor]


def r1(critic: Critic, real: Tensor) -> Tensor:
    """Half the mean squared gradient norm of the logits at real images.

    Applied only every k-th step ("lazily"), it is to be weighted by gamma * k, which keeps the
    mean strength at gamma.

    Args:
        critic: Maps images (N, C, *spatial) to logits (N,), or (N, patches) whose mean counts.
        real: Real images, (N, C, *spatial), in [-1, 1].

    Source: Mescheder et al. 2018, arXiv:1801.04406, equation 9; lazy: Karras et al. 2020,
        arXiv:1912.04958, appendix B.
    """
    return 0.5 * _squared_norms(critic, real).mean()


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, *, rng: Generator) -> Tensor:
    """Mean of (norm - 1)^2 of the logits' gradients between real and fake images.

    Args:
        critic: Maps images (N, C, *spatial) to logits (N,).
        real: Real images, (N, C, *spatial), in [-1, 1].
        fake: Generated images, same shape.
        rng: Draws the N mixing weights, on the images' device.

    Raises:
        ValueError: If real and fake differ in shape.

    Source: Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1.
    """
    if real.shape != fake.shape:
        raise ValueError(f"real {tuple(real.shape)} and fake {tuple(fake.shape)} differ in shape")
    shape = (len(real), *[1] * (real.ndim - 1))
    share = torch.rand(shape, generator=rng, device=real.device)
    mixed = torch.lerp(fake.detach().float(), real.float(), share)
    # The root's slope is infinite at zero, and a constant critic is legal.
    norms = (_squared_norms(critic, mixed) + 1e-12).sqrt()
    return (norms - 1.0).square().mean()


def path_lengths(images: Tensor, styles: Tensor, *, rng: Generator) -> Tensor:
    """How far images move with a small step of their styles, (N,), with a graph.

    It is the size of the gradient, with respect to an image's styles, of the image seen along a
    random direction. To draw it to one value, whatever the style, evens the way that steps in
    style space change images.

    Args:
        images: (N, C, *spatial), a differentiable function of the styles.
        styles: (N, levels, styles), row i of which makes image i alone.
        rng: Draws the directions, on the images' device.

    Source: Karras et al. 2020, arXiv:1912.04958, section 3.2 and equation 4; the mean over levels
        as in its code.
    """
    direction = torch.randn(images.shape, generator=rng, device=images.device)
    seen = (images * direction).sum() / math.sqrt(math.prod(images.shape[2:]))
    (gradient,) = torch.autograd.grad(seen, styles, create_graph=True)
    # The root's slope is infinite at zero.
    return (gradient.square().sum(2).mean(1) + 1e-12).sqrt()


def _squared_norms(critic: Critic, images: Tensor) -> Tensor:
    """Squared L2 norm of each image's gradient, (N,)."""
    with torch.autocast(images.device.type, enabled=False):
        images = images.detach().float().requires_grad_()
        # A critic of patches counts as one whose logit is their mean, however many there are.
        total = critic(images).reshape(len(images), -1).mean(1).sum()
        (gradient,) = torch.autograd.grad(total, images, create_graph=True)
        return gradient.square().flatten(1).sum(1)
