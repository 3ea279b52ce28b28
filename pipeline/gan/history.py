"""What happened in a training: rows of figures, and what monitors made of them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.gan.family import Report
from pipeline.gan.monitors.monitor import Monitor

Row = dict[str, float]
_FORGOTTEN = 10
_TAKEN, _SKIPPED = "steps taken", "steps skipped"


@dataclass(frozen=True)
class Finding:
    """What a monitor noticed.

    Args:
        step: When.
        monitor: Its registry name.
        action: What was done: `warn`, `stop` or `roll_back`.
        message: What is wrong and what to try.
    """

    step: int
    monitor: str
    action: str
    message: str


@dataclass
class History:
    """Rows of means since the row before, and findings.

    Args:
        rows: See `Monitor` for what they hold.
        findings: What monitors noticed, in order.
        since: The rows before this one are of weights that were given up; monitors do not see
            them.
    """

    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    since: int = 0
    _sums: dict[str, Tensor] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _peaks: dict[str, float] = field(default_factory=dict)
    # The number of the last row at which a monitor had something to say.
    _heard: dict[str, int] = field(default_factory=dict)

    def note(self, report: Report, norms: Mapping[str, float]) -> None:
        """Take what one optimiser step found, and the gradient norms by network."""
        self._count(_TAKEN)
        for name, term in report.terms.items():
            self._add(f"loss_{name}", term)
        for name, norm in norms.items():
            self._peaks[name] = max(self._peaks.get(name, 0.0), norm)
        for name, figure in report.figures.items():
            self._add(name, figure)
        if report.real_logits is not None and report.fake_logits is not None:
            self._add("d_real", report.real_logits.detach().sigmoid().mean())
            self._add("d_fake", report.fake_logits.detach().sigmoid().mean())
            right = torch.cat([report.real_logits > 0, report.fake_logits < 0])
            self._add("d_accuracy", right.float().mean())

    def skip(self) -> None:
        """Take note of an optimiser step that was left out, its gradient not being finite."""
        self._count(_SKIPPED)

    def close_row(self, step: int, examined: Mapping[str, float]) -> Row:
        """End a row at a step and return its figures; what was examined goes into it."""
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        peaks = {f"gradient_{name}": norm for name, norm in self._peaks.items()}
        figures = {**means, **peaks, **examined}
        if skipped := self._counts.get(_SKIPPED, 0):
            figures["skipped"] = skipped / (skipped + self._counts.get(_TAKEN, 0))
        self.rows.append({"step": float(step), **figures})
        self._forget_half_row()
        return figures

    def ask(self, step: int, monitors: Mapping[str, tuple[Monitor, str]]) -> list[Finding]:
        """Let monitors look at the rows, and return what is new.

        A monitor that goes on about what it said before is not heard again, nor one that comes
        back to it soon; one that was silent for ten rows, or until after a roll-back, is. What is
        returned is for the caller to act on, and to add to `findings` with what was done.

        Args:
            step: Now.
            monitors: By name the monitor, and what is to be done at its alarm.
        """
        found = []
        for name, (monitor, action) in monitors.items():
            message = monitor(self.rows[self.since :])
            if message is None:
                continue
            if name not in self._heard or len(self.rows) - self._heard[name] > _FORGOTTEN:
                found.append(Finding(step, name, action, message))
            self._heard[name] = len(self.rows)
        return found

    def give_up(self) -> None:
        """Forget the half row and hide the rows so far from the monitors."""
        self.since = len(self.rows)
        self._heard = {}
        self._forget_half_row()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors, and facts fit for JSON, from which `restored` makes an equal history."""
        facts = {
            "rows": self.rows,
            "findings": [vars(finding) for finding in self.findings],
            "since": self.since,
            "counts": self._counts,
            "peaks": self._peaks,
            "heard": self._heard,
        }
        return self._sums, facts

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> History:
        """Make again what gave this state."""
        findings = [Finding(**values) for values in facts["findings"]]
        sums, counts, peaks = dict(tensors), facts["counts"], facts["peaks"]
        return cls(facts["rows"], findings, facts["since"], sums, counts, peaks, facts["heard"])

    def _add(self, name: str, value: Tensor) -> None:
        value = value.detach().float()
        self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._count(name)

    def _count(self, name: str) -> None:
        self._counts[name] = self._counts.get(name, 0) + 1

    def _forget_half_row(self) -> None:
        self._sums, self._counts, self._peaks = {}, {}, {}


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV: the step, then a column for every figure that any row has, by name."""
    columns = ["step", *sorted({name for row in rows for name in row} - {"step"})]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {name: f"{value:.6g}" for name, value in row.items()} | {"step": int(row["step"])}
            )


def write_findings(path: Path, findings: Sequence[Finding]) -> None:
    """Write findings as CSV; a header alone means that no monitor noticed anything."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["step", "monitor", "action", "message"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(vars(finding) for finding in findings)
