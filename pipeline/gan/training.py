"""The one training loop of all families.

It owns optimisers, averaging, precision, guards, checkpoints, resume, previews, monitors and
progress; what is minimised is the family's. All of its state can be written down at any step, and
a training that was killed continues to the same bytes as one that was not: at equal device,
precision and threads.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline import compute, seeding, tensorfile
from pipeline.compute import Machine
from pipeline.errors import ParameterError
from pipeline.gan import checkpoints, optimisers
from pipeline.gan.ema import Average
from pipeline.gan.family import Family, FollowsSteps, Phase, TrainingOptions
from pipeline.gan.feed import Feed
from pipeline.gan.history import History
from pipeline.registry import MONITORS

CHECKPOINT_SECONDS = 15.0
RECORDS = 50
PREVIEWS = 4
_PATIENCE = 20


@dataclass(frozen=True)
class Session:
    """Everything about one training that is not the family or its data.

    Args:
        name: For messages and the names of random numbers, e.g. `dcgan/r0f0g0/cyst`.
        place: Where the options stand in params.yaml, for messages.
        seed: The root seed.
        machine: Device, precision and threads.
        directory: Where half-done work is kept; nobody else may use it meanwhile.
        report: Told about every step.
        preview: Called now and then, and after the last step, with the step and the family as it
            would be saved. After a resume it may be called for the same step again.
    """

    name: str
    place: str
    seed: int
    machine: Machine
    directory: Path
    report: compute.Report
    preview: Callable[[int, Family], None]


@dataclass(frozen=True)
class Trained:
    """The end of a training.

    Args:
        family: With the averaged networks, in evaluation mode.
        history: What happened.
    """

    family: Family
    history: History


def train(family: Family, feed: Feed, session: Session) -> Trained:
    """Train to the last step, from the last checkpoint if there is one.

    Args:
        family: Freshly built from a seed, on the CPU.
        feed: What it eats.
        session: The rest.

    Raises:
        ParameterError: If the training diverges; the message says when and what to change.
    """
    training = _Training(family, feed, session)
    training.resume()
    training.run()
    return Trained(training.averaged, training.history)


class _Training:
    """One training in progress."""

    def __init__(self, family: Family, feed: Feed, session: Session) -> None:
        machine = session.machine
        kind = machine.device.split(":")[0]
        self.history = History()
        self._family, self._feed, self._session = family, feed, session
        self._options: TrainingOptions = family.options
        self._networks = family.networks.to(machine.device)
        # PyTorch's own stubs lack this overload.
        self._networks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._networks.train()
        self._average = Average(self._networks, self._options.ema)
        self.averaged: Family = copy.copy(family)
        self.averaged.networks = self._average.networks
        self._optimisers = optimisers.build(self._networks, self._options, session.place)
        self._scaler = torch.amp.GradScaler(kind, enabled=machine.precision == "fp16")
        self._batches = seeding.torch_rng(session.seed, session.name, "batches")
        self._noise = seeding.torch_rng(session.seed, session.name, "noise", device=machine.device)
        self._monitors = {name: MONITORS.load(name)() for name in MONITORS}
        self._step = 0
        self._skipped = 0

    def run(self) -> None:
        """Train from where the state is to the last step."""
        steps = self._options.steps
        saved_at = time.monotonic()
        previews = {max(1, steps * part // PREVIEWS) for part in range(1, PREVIEWS + 1)}
        while self._step < steps:
            self._round()
            self._step += 1
            last = self._step == steps
            figures = None
            if last or self._step % max(1, steps // RECORDS) == 0:
                figures = self.history.close_row(self._step, self._monitors)
            if self._step in previews:
                self._session.preview(self._step, self.averaged)
            if last or time.monotonic() - saved_at >= CHECKPOINT_SECONDS:
                self._save()
                saved_at = time.monotonic()
            self._session.report(1, figures, self._step)

    def resume(self) -> None:
        """Take the state of the last checkpoint, if there is one."""
        if not self._checkpoint.exists():
            return
        tensors, facts = tensorfile.load(self._checkpoint, stage="train_gan")
        self._networks.load_state_dict(_below(tensors, "networks."))
        self._average.networks.load_state_dict(_below(tensors, "averaged."))
        for name, optimiser in self._optimisers.items():
            optimisers.restore(optimiser, _below(tensors, f"optimiser.{name}."))
        self.history = History.restored(_below(tensors, "history."), facts["history"])
        checkpoints.restore_rngs(self._rngs, _below(tensors, "rng."))
        self._scaler.load_state_dict(facts["scaler"])
        self._step, self._skipped = facts["step"], facts["skipped"]
        self._session.report(self._step)

    @property
    def _checkpoint(self) -> Path:
        return self._session.directory / "training.safetensors"

    @property
    def _rngs(self) -> Mapping[str, torch.Generator]:
        return {"batches": self._batches, "noise": self._noise}

    def _save(self) -> None:
        sums, history = self.history.state()
        parts: dict[str, Mapping[str, Tensor]] = {
            "networks": self._networks.state_dict(),
            "averaged": self._average.networks.state_dict(),
            "history": sums,
            "rng": checkpoints.rng_tensors(self._rngs),
        }
        for name, optimiser in self._optimisers.items():
            parts[f"optimiser.{name}"] = optimisers.state(optimiser)
        facts = {
            "step": self._step,
            "skipped": self._skipped,
            "history": history,
            "scaler": self._scaler.state_dict(),
        }
        tensors = {
            f"{part}.{name}": tensor
            for part, values in parts.items()
            for name, tensor in values.items()
        }
        tensorfile.save(self._checkpoint, tensors, facts)

    def _round(self) -> None:
        """The steps of each phase, then one of the average."""
        for name, optimiser in self._optimisers.items():
            optimiser.param_groups[0]["lr"] = optimisers.rate(name, self._step, self._options)
        for phase in self._family.phases(self._step):
            for _ in range(phase.repeats):
                self._minimise(phase)
        self._average.update(self._networks, self._step)

    def _minimise(self, phase: Phase) -> None:
        """One optimiser step, left out where it would write NaN into the weights."""
        for name, network in self._networks.items():
            network.requires_grad_(name in phase.trains)
        batch = self._feed.draw(self._batches)
        with compute.autocast(self._session.machine):
            report = self._family.loss(phase.name, batch, self._noise)
        total = torch.stack([term.float() for term in report.terms.values()]).sum()
        torch.autograd.backward(self._scaler.scale(total))
        norms = self._gradient_norms(phase)
        finite = all(map(torch.isfinite, [total.detach(), *norms.values()]))
        for name in phase.trains:
            # The scaler counts its own overflows, and leaves out the step itself.
            if finite or self._scaler.is_enabled():
                self._scaler.step(self._optimisers[name])
            self._optimisers[name].zero_grad()
        self._scaler.update()
        self._skipped = 0 if finite else self._skipped + 1
        if finite:
            self.history.note(report, {name: float(norm) for name, norm in norms.items()})
        elif self._skipped > _PATIENCE:
            raise self._diverged(phase)
        if isinstance(self._family, FollowsSteps):
            self._family.after_step(phase.name, report)

    def _gradient_norms(self, phase: Phase) -> dict[str, Tensor]:
        """Norms before clipping, by network; clips where the options say so."""
        norms = {}
        for name in phase.trains:
            self._scaler.unscale_(self._optimisers[name])
            norms[name] = nn.utils.clip_grad_norm_(
                self._networks[name].parameters(), self._options.clip or float("inf")
            )
        return norms

    def _diverged(self, phase: Phase) -> ParameterError:
        return ParameterError(
            f"{self._session.place}.learning_rate",
            f"got {self._options.learning_rate}: the training of {self._session.name} diverged "
            f"at step {self._step}, where the {phase.name}'s loss or gradient stopped being "
            "finite; lower it, or set clip to 1",
        )


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
