"""An exponential moving average of a family's networks: what is saved and sampled from."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def decay_at(step: int, longest: float) -> float:
    """The decay after `step` updates: the running mean's at first, `longest` in the end.

    With a constant decay, the random initial weights would linger for thousands of steps, which
    short trainings do not have.
    """
    return min(longest, (1 + step) / (10 + step))


class Average:
    """A running average of networks, in evaluation mode.

    Args:
        networks: What to follow; the average starts as a copy.
        longest: The decay once warmed up, in [0, 1); 0 follows the networks exactly.
    """

    def __init__(self, networks: nn.ModuleDict, longest: float) -> None:
        self.networks = copy.deepcopy(networks).eval().requires_grad_(False)
        self._longest = longest

    @torch.no_grad()
    def update(self, networks: nn.ModuleDict, step: int) -> None:
        """Move towards the networks after their update number `step`, counted from 0.

        Batch statistics are averaged with the weights that they belong to; counters are copied.
        """
        decay = decay_at(step, self._longest)
        averaged: list[Tensor] = list(self.networks.parameters())
        if averaged:
            torch._foreach_lerp_(averaged, list(networks.parameters()), 1.0 - decay)
        for mine, theirs in zip(self.networks.buffers(), networks.buffers(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1.0 - decay)
            else:
                mine.copy_(theirs)
