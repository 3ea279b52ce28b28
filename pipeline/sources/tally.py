"""What ingest counts while it reads, and what it tells of it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.sources.source import Scan


@dataclass
class Tally:
    """What has been met so far.

    Args:
        usable: Images by class.
        patients: Pseudonyms by class.
        broken: (item, reason) of scans that cannot be used.
        left_out: (item, reason) of scans whose class was not asked for, and of what is no scan.
        parts: The official parts met.
        anonymous: Images without a patient identifier.
    """

    usable: Counter[str] = field(default_factory=Counter)
    patients: dict[str, set[str]] = field(default_factory=dict)
    broken: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    parts: set[str] = field(default_factory=set)
    anonymous: int = 0

    def count(self, scan: Scan, patient: str) -> None:
        """Count a usable scan."""
        self.usable[scan.label] += 1
        self.patients.setdefault(scan.label, set()).add(patient)
        self.anonymous += scan.patient is None
        if scan.part is not None:
            self.parts.add(scan.part)

    def write_quarantine(self, path: Path) -> None:
        """Write the scans set aside, with columns `item, reason`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("item", "reason"))
            writer.writerows(sorted(self.broken + self.left_out))

    def figures(self) -> dict[str, float]:
        """Count images and patients, in all and by class, under names that MLflow takes."""
        figures: dict[str, float] = {
            "images": self.usable.total(),
            "patients": len(set().union(*self.patients.values())),
            "quarantined": len(self.broken),
            "left_out": len(self.left_out),
        }
        for name in sorted(self.usable):
            plain = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)
            figures[f"images_{plain}"] = self.usable[name]
            figures[f"patients_{plain}"] = len(self.patients[name])
        return figures

    def summary(self, classes: Iterable[str]) -> str:
        """Tell the counts in a line."""
        figures = self.figures()
        counts = ", ".join(f"{name} {self.usable[name]}" for name in classes)
        lines = [f"{figures['images']} images of {figures['patients']} patients: {counts}."]
        if self.broken:
            lines.append(f"{len(self.broken)} scans set aside: see data/quarantine.csv.")
        if self.left_out:
            lines.append(f"{len(self.left_out)} left out: of other classes, or no scans.")
        return " ".join(lines)
