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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from pipeline import compute, tensorfile
from pipeline.compute import Machine
from pipeline.errors import ParameterError
from pipeline.gan import checkpoints, optimisers
from pipeline.gan.diets.diet import Diet
from pipeline.gan.ema import Average
from pipeline.gan.family import Family, FollowsSteps, Phase, TrainingOptions
from pipeline.gan.history import Finding, History, Row
from pipeline.gan.monitors.monitor import Monitor
from pipeline.gan.steps import Stepper
from pipeline.gan.weights import Weights, below, copied, flat
from pipeline.registry import MONITORS

CHECKPOINT_SECONDS = 15.0
RECORDS = 50
PREVIEWS = 4
LOOKS = 8
_PATIENCE = 20
_ROLL_BACKS = 3
_SLOWER = 0.5
# Under this monitor's name the loop tells of figures that are not finite, which end in no row.
_GUARD = "exploding"


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
        preview: Called now and then with the step and the family as it would be saved, and in the
            end with None and the family as it is kept. After a resume it may be called for the same
            step again.
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
    preview: Callable[[int | None, Family], None]
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
        ParameterError: If the training diverges again and again, before any weights were good
            enough to keep; the message says when and what to change.
    """
    training = _Training(family, diet, session)
    training.resume()
    training.run()
    trained = training.end()
    session.preview(None, trained.family)
    return trained


class _Training:
    """One training in progress."""

    def __init__(self, family: Family, diet: Diet, session: Session) -> None:
        machine = session.machine
        self.history = History()
        self._family, self._session = family, session
        self._options: TrainingOptions = family.options
        self._networks = family.networks.to(machine.device)
        # As the feed lays out 2D images; the weights of volumes have no such layout.
        for weight in self._networks.parameters():
            if weight.ndim == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self._networks.train()
        self._average = Average(self._networks, self._options.ema)
        self.averaged: Family = copy.copy(family)
        self.averaged.networks = self._average.networks
        self._optimisers = optimisers.build(self._networks, self._options, session.place)
        self._weights = Weights(self._networks, self._average, self._optimisers)
        self._stepper = Stepper(family, diet, self._optimisers, machine, session.seed, session.name)
        self._monitors = _monitors(self._options)
        self._step = 0
        self._skipped = 0
        self._stopped = False
        self._slowness = 1.0
        self._roll_backs = 0
        # Until the first look, to roll back is to start anew.
        self._good, self._good_at = self._weights.copied(), 0
        self._best: dict[str, Tensor] = {}
        self._best_at: tuple[int, float] | None = None

    def run(self) -> None:
        """Train from where the state is to the last step, or to a monitor's stop."""
        steps = self._options.steps
        saved_at = time.monotonic()
        previews = _parts(steps, PREVIEWS)
        looks = _parts(steps, self._options.examinations or LOOKS)
        recorded = _parts(steps, RECORDS) | previews | looks
        while self._step < steps and not self._stopped:
            self._round()
            self._step += 1
            figures = None
            if self._step in recorded and not self._stopped:
                figures = self._record(look=self._step in looks)
            last = self._step == steps or self._stopped
            if self._step in previews:
                self._session.preview(self._step, self.averaged)
            if last or time.monotonic() - saved_at >= CHECKPOINT_SECONDS:
                self._save()
                saved_at = time.monotonic()
            self._session.report(1, figures, self._step)
        if self._step < steps:
            self._session.report(steps - self._step)

    def end(self) -> Trained:
        """Put the chosen weights in place."""
        step, score = (self._stopped and self._good_at) or self._step, None
        if self._best_at is not None:
            self.averaged.networks.load_state_dict(self._best)
            step, score = self._best_at
        return Trained(self.averaged, self.history, step, score)

    def resume(self) -> None:
        """Take the state of the last checkpoint, if there is one."""
        if not self._checkpoint.exists():
            return
        tensors, facts = tensorfile.load(self._checkpoint, stage="train_gan")
        self._weights.restore(tensors)
        self.history = History.restored(below(tensors, "history."), facts["history"])
        checkpoints.restore_rngs(self._stepper.rngs, below(tensors, "rng."))
        self._stepper.scaler.load_state_dict(facts["scaler"])
        self._good, self._best = below(tensors, "good."), below(tensors, "best.")
        self._best_at = tuple(facts["best_at"]) if facts["best_at"] else None
        self._good_at = facts["good_at"]
        self._step, self._skipped = facts["step"], facts["skipped"]
        self._stopped = facts["stopped"]
        self._slowness, self._roll_backs = facts["slowness"], facts["roll_backs"]
        self._session.report(self._step)

    @property
    def _checkpoint(self) -> Path:
        return self._session.directory / "training.safetensors"

    def _save(self) -> None:
        sums, history = self.history.state()
        parts: dict[str, Mapping[str, Tensor]] = {
            "history": sums,
            "rng": checkpoints.rng_tensors(self._stepper.rngs),
            "good": self._good,
            "best": self._best,
        }
        facts = {
            "step": self._step,
            "skipped": self._skipped,
            "stopped": self._stopped,
            "slowness": self._slowness,
            "roll_backs": self._roll_backs,
            "good_at": self._good_at,
            "best_at": self._best_at,
            "history": history,
            "scaler": self._stepper.scaler.state_dict(),
        }
        tensorfile.save(self._checkpoint, {**self._weights.tensors(), **flat(parts)}, facts)

    def _record(self, *, look: bool) -> Row:
        """Close a row of the history, let the monitors look, and do what they say."""
        examined: Mapping[str, float] = {}
        if look and self._options.examinations and self._session.examine is not None:
            examined = self._session.examine(self.averaged)
        figures = self.history.close_row(self._step, examined)
        if not self._act(self.history.ask(self._step, self._monitors)):
            return figures
        # Steps that were left out may be the first signs of weights that lead nowhere.
        if look and "skipped" not in figures:
            self._good, self._good_at = self._weights.copied(), self._step
        score = examined.get("score", math.inf)
        if score < (math.inf if self._best_at is None else self._best_at[1]):
            self._best = copied(self._average.networks.state_dict())
            self._best_at = self._step, score
        return figures

    def _act(self, findings: Sequence[Finding]) -> bool:
        """Do what findings ask for, once for all, and keep them with what was done.

        Returns:
            Whether the weights are fit to go on with, and to keep.
        """
        asked = {finding.action for finding in findings} - {"warn"}
        done = "warn"
        if asked:
            done = "roll_back" if asked == {"roll_back"} and self._roll_back() else "stop"
        if done == "stop":
            self._stop(findings)
        self.history.findings += [
            each if each.action == "warn" else replace(each, action=done) for each in findings
        ]
        return done == "warn"

    def _roll_back(self) -> bool:
        """Return to the last good weights at a lower rate, unless that was tried often enough."""
        if self._roll_backs == _ROLL_BACKS:
            return False
        self._weights.restore(self._good)
        self._roll_backs += 1
        self._slowness *= _SLOWER
        self._skipped = 0
        self.history.give_up()
        return True

    def _stop(self, findings: Sequence[Finding]) -> None:
        """End the training, at the last good weights if there were any.

        Raises:
            ParameterError: If there were none, and those at hand have exploded.
        """
        exploded = [each.message for each in findings if each.monitor == _GUARD]
        if exploded and not self._good_at and self._best_at is None:
            raise ParameterError(
                f"{self._session.place}.learning_rate",
                f"got {self._options.learning_rate}: the training of {self._session.name} diverged "
                f"at step {self._step}, before it had made anything worth keeping: {exploded[0]}",
            )
        if self._good_at:
            self._weights.restore(self._good)
        self._stopped = True

    def _round(self) -> None:
        """The steps of each phase, then one of the average."""
        for name, optimiser in self._optimisers.items():
            rate = optimisers.rate(name, self._step, self._options)
            optimiser.param_groups[0]["lr"] = self._slowness * rate
        for phase in self._family.phases(self._step):
            for _ in range(phase.repeats):
                self._step_in(phase)
                if self._stopped:
                    return
        self._average.update(self._networks, self._step)

    def _step_in(self, phase: Phase) -> None:
        """One optimiser step, and what follows from it."""
        taken = self._stepper.take(phase)
        if taken is None:
            self._leave_out(phase)
            return
        self._skipped = 0
        self.history.note(taken.report, taken.norms)
        if isinstance(self._family, FollowsSteps):
            self._family.after_step(phase.name, taken.report)

    def _leave_out(self, phase: Phase) -> None:
        """Go on after a step that was not taken; after many, leave weights that lead nowhere."""
        self.history.skip()
        self._weights.mend()
        self._skipped += 1
        if self._skipped <= _PATIENCE:
            return
        action = "stop" if self._options.monitors.get(_GUARD) == "stop" else "roll_back"
        message = (
            f"the {phase.name}'s loss or gradient stopped being finite; lower learning_rate, or "
            "set clip to 1"
        )
        self._act([Finding(self._step, _GUARD, action, message)])


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
