"""Adversarial losses by name, each a pair of functions on raw logits.

To add one: its two functions and a line in `LOSSES`. Every loss is to be minimised; logits are
raw (no sigmoid or tanh in front), of any shape. Penalties are separate: see `penalties.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from torch import Tensor
from torch.nn.functional import relu, softplus

LossName: TypeAlias = Literal["minimax", "non_saturating", "least_squares", "hinge", "wasserstein"]


@dataclass(frozen=True)
class AdversarialLoss:
    """What the two players minimise.

    Args:
        discriminator: (real logits, fake logits, smoothing) -> scalar; the target of real images
            is 1 - smoothing where the loss has targets, and smoothing is ignored elsewhere.
        generator: Fake logits -> scalar.
        smooths: Whether the loss has targets that one-sided label smoothing can move.
        middle: The logit of an image that is as likely real as generated; None where logits mean
            nothing by themselves, only their differences.
    """

    discriminator: Callable[[Tensor, Tensor, float], Tensor]
    generator: Callable[[Tensor], Tensor]
    smooths: bool = False
    middle: float | None = 0.0


def _cross_entropy(real: Tensor, fake: Tensor, smoothing: float) -> Tensor:
    """-t log s(real) - (1 - t) log(1 - s(real)) - log(1 - s(fake)), with t = 1 - smoothing."""
    towards_real = (1.0 - smoothing) * softplus(-real) + smoothing * softplus(real)
    return towards_real.mean() + softplus(fake).mean()


def _saturating(fake: Tensor) -> Tensor:
    """log(1 - s(fake)): the minimax game's generator, whose gradient dies when D is sure."""
    return -softplus(fake).mean()


def _non_saturating(fake: Tensor) -> Tensor:
    """-log s(fake)."""
    return softplus(-fake).mean()


def _squares(real: Tensor, fake: Tensor, smoothing: float) -> Tensor:
    """Half the squared distances to 1 - smoothing and to 0."""
    return 0.5 * ((real - (1.0 - smoothing)).square().mean() + fake.square().mean())


def _squares_generator(fake: Tensor) -> Tensor:
    return 0.5 * (fake - 1.0).square().mean()


def _hinge(real: Tensor, fake: Tensor, _smoothing: float) -> Tensor:
    return relu(1.0 - real).mean() + relu(1.0 + fake).mean()


def _critic(real: Tensor, fake: Tensor, _smoothing: float) -> Tensor:
    return fake.mean() - real.mean()


def _negative_mean(fake: Tensor) -> Tensor:
    return -fake.mean()


LOSSES: Mapping[str, AdversarialLoss] = MappingProxyType(
    {
        # Goodfellow et al. 2014, arXiv:1406.2661, equation 1.
        "minimax": AdversarialLoss(_cross_entropy, _saturating, smooths=True),
        # Goodfellow et al. 2014, section 3; label smoothing: Salimans et al. 2016, section 3.4.
        "non_saturating": AdversarialLoss(_cross_entropy, _non_saturating, smooths=True),
        # Mao et al. 2017, arXiv:1611.04076, equation 9 (a = 0, b = c = 1).
        "least_squares": AdversarialLoss(_squares, _squares_generator, smooths=True, middle=0.5),
        # Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, equations 16, 17.
        "hinge": AdversarialLoss(_hinge, _negative_mean),
        # Arjovsky et al. 2017, arXiv:1701.07875, equations 2, 3; the critic must be kept Lipschitz.
        "wasserstein": AdversarialLoss(_critic, _negative_mean, middle=None),
    }
)
