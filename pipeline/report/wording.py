"""The result in words that need no statistics, said the same way wherever it is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.config import UNKNOWN, Params
from pipeline.report import formats
from pipeline.report.scales import IN_PERCENT, NAMES

_CLAIMS = {
    "helps": "Training with {arm} rather than {against} improves the classifier",
    "harms": "Training with {arm} rather than {against} makes the classifier worse",
    "equivalent": "Training with {arm} rather than {against} makes no difference that matters",
    "no evidence": "This run does not show that training with {arm} rather than {against} changes "
    "the classifier",
}


def sentence(contrast: Mapping[str, Any], confidence: float) -> str:
    """One contrast in words: the claim with its figures, and what it leaves open.

    Args:
        contrast: One of the `contrasts` of comparison.json.
        confidence: Of its interval.
    """
    metric, verdict = contrast["metric"], contrast["verdict"]
    claim = _CLAIMS[verdict].format(arm=contrast["arm"], against=contrast["against"])
    size = contrast["train_patients"]
    if size != "all":
        claim = f"With {trained_on(size)}: {claim[0].lower()}{claim[1:]}"
    said = f"{claim}: {NAMES[metric]} {signed(metric, contrast['difference'])}{unit(metric)}"
    said += f" ({_interval(contrast, confidence)})."
    if verdict == "equivalent":
        margin = signed(metric, contrast["equivalence"]["margin"]).lstrip("+")
        said += f" Differences up to {margin}{unit(metric)} were set beforehand as too small to "
        said += "matter."
    if verdict == "no evidence":
        said += _could_have_shown(contrast)
    said += _at_odds(contrast, confidence)
    if contrast["test"] == "clustered_bootstrap":
        one = " and for the one generator that was trained" * (contrast["generators"] == 1)
        said += f" It holds for the patients that were trained on{one}; no others were drawn."
    if contrast["family"] == "exploratory":
        said += " This comparison is exploratory: it suggests what to test and settles nothing."
    return said


def provenance(params: Params, arms: Iterable[str]) -> str:
    """What must be said beside a verdict about arms whose generator may have seen test patients."""
    told = {}
    for arm in arms:
        settings = params.classify.arms.get(arm)
        name = settings.images.rpartition("/")[2] if settings else ""
        external = params.synthesize.external.get(name)
        if external is not None and external.trained_on == UNKNOWN:
            told[name] = (
                f" Which patients the generator of {name} was trained on is unknown; if test "
                "patients were among them, this difference is too favourable to its images."
            )
    return "".join(told.values())


def trained_on(size: str) -> str:
    """What training was limited to, from the entry of `split.train_patients`."""
    share = f"{float(size):.0%} of the training patients"
    return share if float(size) < 1 else f"{size} training patients"


def _interval(contrast: Mapping[str, Any], confidence: float) -> str:
    """The interval that the verdict rests on: of two one-sided tests it is a narrower one."""
    metric, bounds = contrast["metric"], contrast
    if not contrast["error"] > 0:
        same = {
            "corrected_t": "all folds gave the same difference",
        }.get(contrast["test"], "no training and no patient differed")
        return f"no interval: {same}, which leaves chance unknown"
    if contrast["verdict"] == "equivalent":
        bounds, confidence = contrast["equivalence"], 2 * confidence - 1
    low, high = (signed(metric, bounds[bound]) for bound in ("low", "high"))
    return f"{formats.percent(confidence)} interval {low} to {high}"


def _at_odds(contrast: Mapping[str, Any], confidence: float) -> str:
    """What interval, correction and margin say beside a verdict that seems to gainsay them."""
    metric, equal, alpha = contrast["metric"], contrast["equivalence"], 1 - confidence
    if contrast["verdict"] in ("helps", "harms"):
        if not equal or equal["p_holm"] > alpha:
            return ""
        margin = signed(metric, equal["margin"]).lstrip("+")
        return (
            f" It is also shown to be smaller than the {margin}{unit(metric)} that were set "
            "beforehand as too small to matter."
        )
    if contrast["p"] >= alpha or not contrast["error"] > 0:
        return ""
    return (
        f" Taken alone, its {formats.percent(confidence)} interval leaves out zero; among all the "
        "comparisons made here that is no longer surprising."
    )


def _could_have_shown(contrast: Mapping[str, Any]) -> str:
    """What a run of this size can find, so that silence is not taken for absence."""
    metric, power = contrast["metric"], contrast["power"]
    if not contrast["error"] > 0:
        return ""
    smallest = signed(metric, power["smallest"]).lstrip("+")
    chance = f"{power['power']:.0%} of such runs"
    if power["smallest"] >= 1:
        return f" With so few patients and training runs no difference would be found in {chance}."
    return (
        f" A true difference of {smallest}{unit(metric)} would be found in {chance}; smaller ones "
        "are easily missed with these patients."
    )


def unit(metric: str) -> str:
    """What `signed` counts in, to be set behind it."""
    return " percentage points" if metric in IN_PERCENT else ""


def signed(metric: str, value: float) -> str:
    """A difference with its sign, in percentage points where the metric is a share of images."""
    text = f"{100 * value:+.1f}" if metric in IN_PERCENT else f"{value:+.3f}"
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
