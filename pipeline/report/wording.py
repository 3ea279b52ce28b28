"""The result in words that need no statistics, said the same way wherever it is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.plots import NAMES

_CLAIMS = {
    "helps": "Training with {arm} rather than {against} improves the classifier",
    "harms": "Training with {arm} rather than {against} makes the classifier worse",
    "no evidence": "This run does not show that training with {arm} rather than {against} changes "
    "the classifier",
}
_IN_PERCENT = frozenset({"accuracy", "balanced_accuracy", "sensitivity", "specificity"})


def sentence(contrast: Mapping[str, Any], confidence: float) -> str:
    """One contrast in one sentence.

    Args:
        contrast: One of the `contrasts` of comparison.json.
        confidence: Of its interval.
    """
    metric = contrast["metric"]
    claim = _CLAIMS[contrast["verdict"]].format(arm=contrast["arm"], against=contrast["against"])
    unit = " percentage points" if metric in _IN_PERCENT else ""
    low, high = (signed(metric, contrast[bound]) for bound in ("low", "high"))
    return (
        f"{claim}: {NAMES[metric]} {signed(metric, contrast['difference'])}{unit} "
        f"({confidence:.0%} interval {low} to {high})."
    )


def signed(metric: str, value: float) -> str:
    """A difference with its sign, in percentage points where the metric is a share of images."""
    text = f"{100 * value:+.1f}" if metric in _IN_PERCENT else f"{value:+.3f}"
    return text.replace("-", "\N{MINUS SIGN}")


def covariate(name: str, separator: str = " ") -> str:
    """What the row of a covariate is called, so that nobody takes it for an arm."""
    return f"{name}{separator}alone, no image"


def size_warning(reasons: Sequence[str]) -> str:
    """Why a run proves nothing yet, or nothing if there is no reason."""
    if not reasons:
        return ""
    return (
        "This run has the size of a demonstration: " + "; ".join(reasons) + ". "
        "It shows how to read the result and is no evidence about patients."
    )
