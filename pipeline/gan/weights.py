"""Everything that training changes, as flat tensors: to save, to resume, and to go back to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.gan import optimisers
from pipeline.gan.ema import Average


@dataclass(frozen=True)
class Weights:
    """Networks, their average and their optimisers.

    Args:
        networks: As they are trained.
        average: Theirs.
        optimisers: By the network's name.
    """

    networks: nn.ModuleDict
    average: Average
    optimisers: Mapping[str, torch.optim.Adam]

    def tensors(self) -> dict[str, Tensor]:
        """Views of the whole state, by name."""
        parts: dict[str, Mapping[str, Tensor]] = {
            "networks": self.networks.state_dict(),
            "averaged": self.average.networks.state_dict(),
        }
        for name, optimiser in self.optimisers.items():
            parts[f"optimiser.{name}"] = optimisers.state(optimiser)
        return flat(parts)

    def copied(self) -> dict[str, Tensor]:
        """A copy of the whole state, which later steps leave alone."""
        return copied(self.tensors())

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` gave; what is given is copied, and stays as it is."""
        self.networks.load_state_dict(below(tensors, "networks."))
        self.average.networks.load_state_dict(below(tensors, "averaged."))
        for name, optimiser in self.optimisers.items():
            optimisers.restore(optimiser, below(tensors, f"optimiser.{name}."))

    @torch.no_grad()
    def mend(self) -> None:
        """Put the averaged statistics in place of those that are not finite.

        A network in training mode takes its batch statistics from the very batch whose step is
        then left out; one overflow in half precision would spoil every later sample.
        """
        pairs = zip(self.networks.buffers(), self.average.networks.buffers(), strict=True)
        for buffer, averaged in pairs:
            if buffer.is_floating_point() and not bool(buffer.isfinite().all()):
                buffer.copy_(averaged)


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies that share no memory with the originals."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def flat(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """One mapping, with names `<part>.<name>`."""
    return {f"{part}.{name}": each for part, named in parts.items() for name, each in named.items()}


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names start with a prefix, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
