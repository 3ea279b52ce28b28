"""One optimiser step: a batch, the family's loss, its gradient, and whether it can be taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline import compute, seeding
from pipeline.compute import Machine
from pipeline.gan.diets.diet import Diet
from pipeline.gan.family import Family, Phase, Report


@dataclass(frozen=True)
class Taken:
    """A step that was taken.

    Args:
        report: What the family found.
        norms: Of the gradient before clipping, by network.
    """

    report: Report
    norms: Mapping[str, float]


class Stepper:
    """Takes steps; of its state, generators and scaler are to be saved with a training.

    Args:
        family: Whose networks are on the machine's device.
        diet: What it eats.
        optimisers: By network.
        machine: Device and precision.
        seed: The root seed.
        name: The training's, for the names of random numbers.
    """

    def __init__(
        self,
        family: Family,
        diet: Diet,
        optimisers: Mapping[str, torch.optim.Optimizer],
        machine: Machine,
        seed: int,
        name: str,
    ) -> None:
        self._family, self._diet, self._optimisers = family, diet, optimisers
        self._machine = machine
        kind = machine.device.split(":")[0]
        self.scaler = torch.amp.GradScaler(kind, enabled=machine.precision == "fp16")
        self.rngs: Mapping[str, torch.Generator] = {
            "batches": seeding.torch_rng(seed, name, "batches"),
            "noise": seeding.torch_rng(seed, name, "noise", device=machine.device),
        }

    def take(self, phase: Phase) -> Taken | None:
        """Take one step, or leave it out, where it would write NaN into the weights."""
        for name, network in self._family.networks.items():
            network.requires_grad_(name in phase.trains)
        batch = self._diet.draw(self.rngs["batches"])
        with compute.autocast(self._machine):
            report = self._family.loss(phase.name, batch, self.rngs["noise"])
        total = torch.stack([term.float() for term in report.terms.values()]).sum()
        torch.autograd.backward(self.scaler.scale(total))
        norms = self._gradient_norms(phase)
        finite = all(map(torch.isfinite, [total.detach(), *norms.values()]))
        for name in phase.trains:
            # The scaler counts its own overflows, and leaves out the step itself.
            if finite or self.scaler.is_enabled():
                self.scaler.step(self._optimisers[name])
            self._optimisers[name].zero_grad()
        self.scaler.update()
        if not finite:
            return None
        return Taken(report, {name: float(norm) for name, norm in norms.items()})

    def _gradient_norms(self, phase: Phase) -> dict[str, Tensor]:
        """Norms before clipping, by network; clips where the options say so."""
        norms = {}
        for name in phase.trains:
            self.scaler.unscale_(self._optimisers[name])
            norms[name] = nn.utils.clip_grad_norm_(
                self._family.networks[name].parameters(), self._family.options.clip or float("inf")
            )
        return norms
