"""The content of comparison.json for one size of the training part, from samples and contrasts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.config import Params
from pipeline.report import evidence, wording
from pipeline.report.evidence import Contrast, Design
from pipeline.report.measures import Measured
from pipeline.report.outcomes import Outcomes
from pipeline.statistics import Paired

FEWEST_PATIENTS = 100
FEWEST_TRAININGS = 3


def contrast_row(contrast: Contrast, params: Params) -> dict[str, Any]:
    """A contrast that decides: with its verdict, what else follows from its error, and a sentence.

    Args:
        contrast: Corrected over its family.
        params: The section `compare` is used.
    """
    chosen, equal = params.compare, contrast.equal
    row = supporting_row(contrast) | {
        "family": contrast.family,
        "error": contrast.result.error,
        "df": contrast.result.df,
        "generators": contrast.generators,
        "equivalence": vars(equal) | {"p_holm": contrast.equal_holm} if equal else None,
        "effect_size": vars(contrast.effect) if contrast.effect else None,
        "power": {
            "power": chosen.power,
            "alpha": (1 - chosen.confidence) / contrast.questions,
            "smallest": contrast.smallest(chosen.power, chosen.confidence),
        },
        "verdict": contrast.verdict(chosen.confidence),
    }
    said = wording.sentence(row, chosen.confidence)
    return row | {"sentence": said + wording.provenance(params, (contrast.arm, contrast.against))}


def supporting_row(contrast: Contrast) -> dict[str, Any]:
    """A contrast without a verdict."""
    result: Paired = contrast.result
    return {
        "arm": contrast.arm,
        "against": contrast.against,
        "metric": contrast.metric,
        "train_patients": contrast.size,
        "difference": result.difference,
        "low": result.low,
        "high": result.high,
        "p": result.p,
        "p_holm": contrast.p_holm,
        "test": result.test,
    }


def arm_figures(outcomes: Outcomes, measured: Measured, design: Design) -> dict[str, Any]:
    """Every metric of an arm with its interval, over all classes and for each."""
    smallest = outcomes.smallest_class

    def summarise(samples: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: vars(evidence.interval(key, sample, smallest, design))
            for key, sample in samples.items()
        }

    each = {name: summarise(samples) for name, samples in measured.per_class.items()}
    return summarise(measured.overall) | {"per_class": each}


def units(outcomes: Outcomes) -> dict[str, int]:
    """How many patients, images, folds, repeats and seeds there are."""
    return {
        "patients": outcomes.patients,
        "groups": len(outcomes.strata),
        "images": outcomes.images,
        "folds": len({fold.fold for fold in outcomes.folds}),
        "repeats": len({fold.repeat for fold in outcomes.folds}),
        "seeds": len(outcomes.seeds),
    }


def demonstration(params: Params, outcomes: Outcomes) -> list[str]:
    """Why this run is too small, or its scans too artificial, to be evidence about patients."""
    reasons = []
    if params.ingest.source == "phantom":
        reasons.append("its scans are a phantom's, not patients'")
    if outcomes.patients < FEWEST_PATIENTS:
        reasons.append(f"{outcomes.patients} test patients are fewer than {FEWEST_PATIENTS}")
    # Repeats start anew as seeds do, with other training patients besides.
    trainings = len(outcomes.seeds) * len({fold.repeat for fold in outcomes.folds})
    if trainings < FEWEST_TRAININGS:
        reasons.append(f"{trainings} trainings of each fold are fewer than {FEWEST_TRAININGS}")
    return reasons


def runs(outcomes: Outcomes, measured: Mapping[str, Measured], size: str) -> list[dict[str, Any]]:
    """Every trained classifier by itself: what it was trained on and its figures."""
    rows = []
    places = {(fold.repeat, fold.fold): j for j, fold in enumerate(outcomes.folds)}
    for arm in outcomes.arms:
        for row in outcomes.runs[arm].to_dict("records"):
            j = places[int(row["repeat"]), int(row["fold"])]
            s = outcomes.seeds.index(int(row["seed"]))
            made = {str(name): _number(value) for name, value in row.items()}
            overall = measured[arm].overall
            values = {key: float(found.values[j, s]) for key, found in overall.items()}
            rows.append({"arm": arm, "train_patients": size, **made, "metrics": values})
    return rows


def brief(result: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """What fits the columns of `dvc exp show`: the leading means of each arm."""
    shown: Sequence[str] = list(dict.fromkeys([result["primary"], "auc", "accuracy"]))
    return {
        arm: {key: result["arms"][arm][key]["mean"] for key in shown} for arm in result["order"]
    }


def _number(value: object) -> int | float | None:
    """A number, or None where the column is empty (an arm without synthetic images)."""
    number = float(str(value)) if str(value).strip() else math.nan
    if math.isnan(number):
        return None
    return int(number) if number.is_integer() else number
