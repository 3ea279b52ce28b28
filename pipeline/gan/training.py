"""The one training loop of all families.

It owns optimisers, averaging, precision, guards, checkpoints, resume, previews, monitors, the
choice of the weights that are kept, and progress; what is minimised is the family's. All of its
state can be written down at any step, and a training that was killed continues to the same bytes
as one that was not: at equal device, precision and threads.

Precision is PyTorch's own autocast and gradient scaler, which engines such as Lightning Fabric wrap
as well; used bare, networks stay plain modules that can be copied, averaged and saved as they are.
"""

from __future__ import annotations

import copy
import math
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
from pipeline.gan.diets.diet import Diet
from pipeline.gan.ema import Average
from pipeline.gan.family import Family, FollowsSteps, Phase, TrainingOptions
from pipeline.gan.history import Finding, History, Row
from pipeline.gan.monitors.monitor import Monitor
from pipeline.registry import MONITORS

CHECKPOINT_SECONDS = 15.0
RECORDS = 50
PREVIEWS = 4
_PATIENCE = 20
_ROLL_BACKS = 3
_SLOWER = 0.5


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
        examine: Looks at the family as it would be saved and returns figures for the monitors;
            among them `score`, the lower the better, chooses the weights that are kept. None
            keeps the last ones.
    """

    name: str
    place: str
    seed: int
    machine: Machine
    directory: Path
    report: compute.Report
    preview: Callable[[int, Family], None]
    examine: Callable[[Family], Mapping[str, float]] | None = None


@dataclass(frozen=True)
class Trained:
    """The end of a training.

    Args:
        family: With the averaged networks, in evaluation mode.
        history: What happened.
        step: The step that the networks are of.
        score: Theirs, where there was one.
    """

    family: Family
    history: History
    step: int
    score: float | None


def train(family: Family, diet: Diet, session: Session) -> Trained:
    """Train to the last step, from the last checkpoint if there is one.

    Args:
        family: Freshly built from a seed, on the CPU.
        diet: What it eats.
        session: The rest.

    Raises:
        ParameterError: If the training diverges; the message says when and what to change.
    """
    training = _Training(family, diet, session)
    training.resume()
    training.run()
    return training.end()


class _Training:
    """One training in progress."""

    def __init__(self, family: Family, diet: Diet, session: Session) -> None:
        machine = session.machine
        kind = machine.device.split(":")[0]
        self.history = History()
        self._family, self._diet, self._session = family, diet, session
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
        self._monitors = _monitors(self._options)
        self._step = 0
        self._skipped = 0
        self._stopped = False
        self._slowness = 1.0
        self._roll_backs = 0
        # Nothing is known to be good, or best, before the first examination.
        self._good: dict[str, Tensor] = {}
        self._best: dict[str, Tensor] = {}
        self._best_at: tuple[int, float] | None = None

    def run(self) -> None:
        """Train from where the state is to the last step, or to a monitor's stop."""
        steps = self._options.steps
        saved_at = time.monotonic()
        previews = _parts(steps, PREVIEWS)
        examined = _parts(steps, self._options.examinations)
        recorded = _parts(steps, RECORDS) | previews | examined
        while self._step < steps and not self._stopped:
            self._round()
            self._step += 1
            figures = None
            if self._step in recorded:
                figures = self._look(examine=self._step in examined)
            last = self._step == steps or self._stopped
            if self._step in previews or last:
                self._session.preview(self._step, self.averaged)
            if last or time.monotonic() - saved_at >= CHECKPOINT_SECONDS:
                self._save()
                saved_at = time.monotonic()
            self._session.report(1, figures, self._step)
        if self._step < steps:
            self._session.report(steps - self._step)

    def end(self) -> Trained:
        """Put the chosen weights in place."""
        step, score = self._step, None
        if self._best_at is not None:
            self.averaged.networks.load_state_dict(self._best)
            step, score = self._best_at
        return Trained(self.averaged, self.history, step, score)

    def resume(self) -> None:
        """Take the state of the last checkpoint, if there is one."""
        if not self._checkpoint.exists():
            return
        tensors, facts = tensorfile.load(self._checkpoint, stage="train_gan")
        self._set_weights(tensors)
        self.history = History.restored(_below(tensors, "history."), facts["history"])
        checkpoints.restore_rngs(self._rngs, _below(tensors, "rng."))
        self._scaler.load_state_dict(facts["scaler"])
        self._good, self._best = _below(tensors, "good."), _below(tensors, "best.")
        self._best_at = tuple(facts["best_at"]) if facts["best_at"] else None
        self._step, self._skipped = facts["step"], facts["skipped"]
        self._stopped = facts["stopped"]
        self._slowness, self._roll_backs = facts["slowness"], facts["roll_backs"]
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
            "history": sums,
            "rng": checkpoints.rng_tensors(self._rngs),
            "good": self._good,
            "best": self._best,
        }
        facts = {
            "step": self._step,
            "skipped": self._skipped,
            "stopped": self._stopped,
            "slowness": self._slowness,
            "roll_backs": self._roll_backs,
            "best_at": self._best_at,
            "history": history,
            "scaler": self._scaler.state_dict(),
        }
        tensorfile.save(self._checkpoint, {**self._weights(), **_flat(parts)}, facts)

    def _weights(self) -> dict[str, Tensor]:
        """Networks, their average and the optimisers' states, by name."""
        parts: dict[str, Mapping[str, Tensor]] = {
            "networks": self._networks.state_dict(),
            "averaged": self._average.networks.state_dict(),
        }
        for name, optimiser in self._optimisers.items():
            parts[f"optimiser.{name}"] = optimisers.state(optimiser)
        return _flat(parts)

    def _set_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `_weights` gave."""
        self._networks.load_state_dict(_below(tensors, "networks."))
        self._average.networks.load_state_dict(_below(tensors, "averaged."))
        for name, optimiser in self._optimisers.items():
            optimisers.restore(optimiser, _below(tensors, f"optimiser.{name}."))

    def _look(self, *, examine: bool) -> Row:
        """Close a row of the history, let the monitors look, and do what they say."""
        examined: Mapping[str, float] = {}
        if examine and self._session.examine is not None:
            examined = self._session.examine(self.averaged)
        figures = self.history.close_row(self._step, examined)
        found = self.history.ask(self._step, self._monitors)
        actions = {finding.action for finding in found}
        if "stop" in actions:
            self._stopped = True
        elif "roll_back" in actions:
            self._stopped = not self._roll_back()
        elif examine or not self._good:
            self._good = _copied(self._weights())
        score = examined.get("score", math.inf)
        best = math.inf if self._best_at is None else self._best_at[1]
        if not actions & {"stop", "roll_back"} and score < best:
            self._best = _copied(self._average.networks.state_dict())
            self._best_at = self._step, score
        return figures

    def _roll_back(self) -> bool:
        """Return to the last good weights at a lower rate, unless that was tried often enough."""
        if not self._good or self._roll_backs == _ROLL_BACKS:
            return False
        self._set_weights(self._good)
        self._roll_backs += 1
        self._slowness *= _SLOWER
        self._skipped = 0
        self.history.give_up()
        return True

    def _round(self) -> None:
        """The steps of each phase, then one of the average."""
        for name, optimiser in self._optimisers.items():
            rate = optimisers.rate(name, self._step, self._options)
            optimiser.param_groups[0]["lr"] = self._slowness * rate
        for phase in self._family.phases(self._step):
            for _ in range(phase.repeats):
                self._minimise(phase)
        self._average.update(self._networks, self._step)

    def _minimise(self, phase: Phase) -> None:
        """One optimiser step, left out where it would write NaN into the weights."""
        for name, network in self._networks.items():
            network.requires_grad_(name in phase.trains)
        batch = self._diet.draw(self._batches)
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
            self._recover(phase)
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

    def _recover(self, phase: Phase) -> None:
        """Leave weights from which no finite step leads on.

        Raises:
            ParameterError: If there is no way back.
        """
        if not self._roll_back():
            raise self._diverged(phase)
        message = f"the {phase.name}'s loss or gradient stopped being finite; lower learning_rate"
        self.history.findings.append(Finding(self._step, "exploding", "roll_back", message))

    def _diverged(self, phase: Phase) -> ParameterError:
        return ParameterError(
            f"{self._session.place}.learning_rate",
            f"got {self._options.learning_rate}: the training of {self._session.name} diverged "
            f"at step {self._step}, where the {phase.name}'s loss or gradient stopped being "
            "finite; lower it, or set clip to 1",
        )


def _monitors(options: TrainingOptions) -> dict[str, tuple[Monitor, str]]:
    """The monitors that are not to be ignored, each with what its alarm does."""
    chosen = {}
    for name in MONITORS:
        monitor: Monitor = MONITORS.load(name)()
        action = options.monitors.get(name, monitor.action)
        if action != "ignore":
            chosen[name] = (monitor, action)
    return chosen


def _parts(steps: int, count: int) -> set[int]:
    """The ends of `count` equal parts of the training; none for none."""
    return {max(1, steps * part // count) for part in range(1, count + 1)}


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _flat(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """One mapping, with names `<part>.<name>`."""
    return {f"{part}.{name}": each for part, named in parts.items() for name, each in named.items()}


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
