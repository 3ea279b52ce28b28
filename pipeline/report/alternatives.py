"""What each chart says, in words, for those who cannot see it.

A sentence holds at most `MOST` numbers of arms or contrasts; the table beside the chart holds all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report import formats, wording
from pipeline.report.scales import NAMES
from pipeline.report.sizes import Part

MOST = 8


def contrasts(parts: Sequence[Part]) -> str:
    """The differences around zero, of every size."""
    rows = [(part, row) for part in parts for row in part.contrasts]
    if not rows:
        return "There are no differences to show."
    metric = rows[0][1]["metric"]
    said = [
        (f"with {part.phrase} " if len(parts) > 1 else "")
        + f"{row['arm']} minus {row['against']} {_change(metric, row['difference'])}, "
        f"interval {_change(metric, row['low'])} to {_change(metric, row['high'])}, "
        f"{row['verdict']}"
        for part, row in rows
    ]
    return f"Differences in {NAMES[metric]} with their intervals around zero: {_listed(said)}."


def arms(result: Mapping[str, Any], metrics: Sequence[str]) -> str:
    """Each arm's mean and interval."""
    said = [
        f"{NAMES[metric]} of "
        + _listed([f"{arm} {formats.interval(result['arms'][arm][metric])}"
                   for arm in result["order"]])
        for metric in metrics
    ]  # fmt: skip
    return f"Means and intervals of the arms, and each training run as a dot: {'; '.join(said)}."


def confusion(result: Mapping[str, Any]) -> str:
    """Which share of each class every arm finds."""
    said = [
        f"{arm} finds "
        + ", ".join(
            f"{formats.figure(result['arms'][arm]['per_class'][label]['sensitivity']['mean'])} "
            f"of {label}"
            for label in result["classes"]
        )
        for arm in result["order"]
    ]
    return f"Confusion matrices, one an arm: {_listed(said)}."


def roc(result: Mapping[str, Any]) -> str:
    """The areas under the curves."""
    said = [
        f"{arm} {formats.figure(result['arms'][arm]['auc']['mean'])}" for arm in result["order"]
    ]
    return f"ROC curves, one an arm; the areas under them: {_listed(said)}."


def reliability(result: Mapping[str, Any]) -> str:
    """How far each arm's probabilities are from the shares that came true."""
    said = [
        f"{arm} {formats.figure(result['arms'][arm]['ece']['mean'])}" for arm in result["order"]
    ]
    return (
        "Predicted probability against the share that came true, a line an arm; mean distance "
        f"from the diagonal (calibration error): {_listed(said)}."
    )


def patients(parts: Sequence[Part], metric: str, order: Sequence[str]) -> str:
    """Each arm's figure at every size."""
    said = [
        f"{arm} "
        + ", ".join(
            f"{formats.figure(part.content['arms'][arm][metric]['mean'])} with {part.phrase}"
            for part in parts
        )
        for arm in order
    ]
    return f"{NAMES[metric].capitalize()} against the number of training patients: {_listed(said)}."


def subgroups(result: Mapping[str, Any]) -> str:
    """The differences between arms in each part of the test images."""
    said = [
        f"{row['column']} {row['level']}: {each['arm']} minus {each['against']} "
        f"{_change(each['metric'], each['difference'])}"
        for row in result.get("subgroups") or ()
        for each in row["differences"]
    ]
    return f"Differences between arms in parts of the test images: {_listed(said)}."


def _change(metric: str, value: float | None) -> str:
    return formats.DASH if value is None else wording.signed(metric, value) + wording.unit(metric)


def _listed(said: Sequence[str]) -> str:
    more = len(said) - MOST
    ending = f"; and {more} more, in the table" if more > 0 else ""
    return "; ".join(said[:MOST]) + ending
