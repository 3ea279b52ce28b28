"""The stage `compare`: predictions of the arms -> intervals, paired tests, verdicts and figures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import tracking
from pipeline.classifier.metrics import METRICS
from pipeline.config import Params
from pipeline.errors import ParameterError
from pipeline.imageset import ImageSet
from pipeline.report import covariates, evidence, plots, ratio, wording
from pipeline.report.evidence import BOOTSTRAP, Contrast, Measured
from pipeline.report.outcomes import Outcomes, read
from pipeline.seeding import numpy_rng
from pipeline.splits import Splits

FEWEST_PATIENTS = 100
FEWEST_SEEDS = 3
UNTREATED = "real"


def run(params: Params, root: Path, tracker: tracking.Run) -> None:
    """Compare the arms listed in `classify.arms`, and write metrics/ and plots/compare.

    Args:
        params: All parameters.
        root: The project's root.
        tracker: Gets each arm's figures and the plots.

    Raises:
        DataError: If predictions are missing, malformed or not about the same test images.
        ParameterError: If the primary metric is not defined for these data, or a covariate is no
            numeric column of theirs.
    """
    images = ImageSet.open(root / "data/images")
    splits = Splits.open(root / "data/splits.csv")
    by_size = read(list(params.classify.arms), images, splits, root / "predictions")
    outcomes = next(iter(by_size.values()))
    alone = covariates.predict(params.compare.covariates, images, splits, outcomes)
    result = compare(params, outcomes, alone, note=images.meta.note)
    shares = ratio.measure(
        outcomes.arms, images, splits, root / "predictions",
        metric=params.compare.primary, confidence=params.compare.confidence,
    )  # fmt: skip
    result["curves"] = {**result.get("curves", {}), "shares": shares}
    if shares:
        picture = root / "plots/compare/shares.png"
        ratio.draw(shares, params.compare.primary, params.compare.confidence, picture)
    path = root / "metrics/comparison.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_rounded(result), indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    written = json.loads(text)
    brief = json.dumps(_brief(written), indent=2, ensure_ascii=False)
    (path.parent / "arms.json").write_text(brief + "\n", encoding="utf-8")
    _draw(written, outcomes, root / "plots/compare")
    tracking.show_comparison(tracker, written, params, root)


def compare(
    params: Params, outcomes: Outcomes, alone: Outcomes, *, note: str = ""
) -> dict[str, Any]:
    """Turn aligned predictions into the content of comparison.json.

    Args:
        params: All parameters.
        outcomes: The aligned predictions.
        alone: The covariates', which are shown beside the arms and held against none.
        note: What every output repeats about the images.
    """
    chosen = params.compare
    rng = numpy_rng(params.seed, "compare", "bootstrap")
    measured = evidence.measure(outcomes)
    if any(math.isnan(evidence.average(m.overall[chosen.primary])) for m in measured.values()):
        raise ParameterError(
            "compare.primary", f"{chosen.primary} is not defined on these test images; use another"
        )
    resampled = evidence.resample(outcomes, chosen.bootstrap, rng=rng)
    decisive, supporting = _contrasts(params, outcomes, measured, resampled)
    reasons = _demonstration(params, outcomes)
    return {
        "note": note,
        "demonstration": bool(reasons),
        "demonstration_reasons": reasons,
        "primary": chosen.primary,
        "baseline": chosen.baseline,
        "confidence": chosen.confidence,
        "scheme": params.split.scheme,
        "classes": list(outcomes.classes),
        "positive_class": outcomes.positive_class,
        "units": _units(outcomes),
        "order": list(outcomes.arms),
        "arms": {
            arm: _arm(outcomes, measured[arm], resampled[arm], chosen.confidence)
            for arm in outcomes.arms
        },
        "covariates": _covariates(params, alone),
        "contrasts": decisive,
        "supporting": supporting,
        "runs": _runs(outcomes, measured),
    }


def pairs(params: Params) -> list[tuple[str, str]]:
    """Which arm is held against which: every arm against the baseline.

    Only an arm trained on the real images as they are stands on the other side, so that its
    contrast answers whether the baseline's augmentation helps.
    """
    baseline = params.compare.baseline
    others = {name: arm for name, arm in params.classify.arms.items() if name != baseline}
    return [
        (baseline, name) if arm.recipe == UNTREATED else (name, baseline)
        for name, arm in others.items()
    ]


def _contrasts(
    params: Params,
    outcomes: Outcomes,
    measured: Mapping[str, Measured],
    resampled: Mapping[str, Measured],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The contrasts that decide, and those that support or question them."""
    primary, confidence = params.compare.primary, params.compare.confidence

    def contrast(metric: str, test: str) -> list[Contrast]:
        return evidence.contrast_all(
            pairs(params), outcomes, measured, resampled,
            metric=metric, test=test, confidence=confidence,
        )  # fmt: skip

    folded = params.split.scheme == "kfold"
    deciding = "corrected_t" if folded else BOOTSTRAP
    further = [(metric, deciding) for metric in METRICS if metric != primary]
    further += [(primary, BOOTSTRAP)] if folded else [("auc", "delong"), ("accuracy", "mcnemar")]
    decisive = []
    for found in contrast(primary, deciding):
        row = _row(found) | {"verdict": found.verdict(confidence)}
        decisive.append(row | {"sentence": wording.sentence(row, confidence)})
    supporting = [_row(found) for metric, test in further for found in contrast(metric, test)]
    return decisive, supporting


def _row(contrast: Contrast) -> dict[str, Any]:
    result = contrast.result
    return {
        "arm": contrast.arm,
        "against": contrast.against,
        "metric": contrast.metric,
        "difference": result.difference,
        "low": result.low,
        "high": result.high,
        "p": result.p,
        "p_holm": contrast.p_holm,
        "test": result.test,
    }


def _arm(
    outcomes: Outcomes, measured: Measured, resampled: Measured, confidence: float
) -> dict[str, Any]:
    smallest = _smallest_class(outcomes)

    def summarise(values: Mapping[str, Any], replicates: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: vars(evidence.summarise(key, values[key], replicates[key], smallest, confidence))
            for key in values
        }

    each = {
        name: summarise(values, resampled.per_class[name])
        for name, values in measured.per_class.items()
    }
    return summarise(measured.overall, resampled.overall) | {"per_class": each}


def _covariates(params: Params, alone: Outcomes) -> dict[str, Any]:
    """Figures of each covariate, as an arm's; drawn apart, so that one more changes no arm."""
    if not alone.arms:
        return {}
    rng = numpy_rng(params.seed, "compare", "covariates")
    measured = evidence.measure(alone)
    resampled = evidence.resample(alone, params.compare.bootstrap, rng=rng)
    return {
        name: _arm(alone, measured[name], resampled[name], params.compare.confidence)
        for name in alone.arms
    }


def _smallest_class(outcomes: Outcomes) -> int:
    """Test groups of the rarest class, the least that any figure of a class rests on."""
    groups: dict[int, set[int]] = {}
    for fold in outcomes.folds:
        for label, group in zip(fold.labels.tolist(), fold.groups.tolist(), strict=True):
            groups.setdefault(label, set()).add(group)
    return min(len(members) for members in groups.values())


def _units(outcomes: Outcomes) -> dict[str, int]:
    return {
        "patients": outcomes.patients,
        "groups": len(outcomes.strata),
        "images": outcomes.images,
        "folds": len({fold.fold for fold in outcomes.folds}),
        "repeats": len({fold.repeat for fold in outcomes.folds}),
        "seeds": len(outcomes.seeds),
    }


def _demonstration(params: Params, outcomes: Outcomes) -> list[str]:
    """Why this run is too small, or its scans too artificial, to be evidence about patients."""
    reasons = []
    if params.ingest.source == "phantom":
        reasons.append("its scans are a phantom's, not patients'")
    if outcomes.patients < FEWEST_PATIENTS:
        reasons.append(f"{outcomes.patients} test patients are fewer than {FEWEST_PATIENTS}")
    if len(outcomes.seeds) < FEWEST_SEEDS:
        reasons.append(f"{len(outcomes.seeds)} training seeds are fewer than {FEWEST_SEEDS}")
    return reasons


def _runs(outcomes: Outcomes, measured: Mapping[str, Measured]) -> list[dict[str, Any]]:
    """Every trained classifier by itself: what it was trained on and its figures."""
    rows = []
    places = {(fold.repeat, fold.fold): j for j, fold in enumerate(outcomes.folds)}
    for arm in outcomes.arms:
        for row in outcomes.runs[arm].to_dict("records"):
            j = places[int(row["repeat"]), int(row["fold"])]
            s = outcomes.seeds.index(int(row["seed"]))
            made = {str(name): _whole(value) for name, value in row.items()}
            values = {key: float(found[j, s]) for key, found in measured[arm].overall.items()}
            rows.append({"arm": arm, **made, "metrics": values})
    return rows


def _whole(value: object) -> int | None:
    """A whole number, or None where the column is empty (an arm without synthetic images)."""
    number = float(str(value)) if str(value).strip() else math.nan
    return None if math.isnan(number) else int(number)


def _rounded(value: Any) -> Any:
    """Round to six significant digits; NaN becomes null. Rounding hides the last bits."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _brief(result: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """What fits the columns of `dvc exp show`: the leading means of each arm."""
    shown = dict.fromkeys([result["primary"], "auc", "accuracy"])
    return {
        arm: {key: result["arms"][arm][key]["mean"] for key in shown} for arm in result["order"]
    }


def _draw(result: Mapping[str, Any], outcomes: Outcomes, directory: Path) -> None:
    primary, confidence = result["primary"], result["confidence"]
    shown: Sequence[str] = list(dict.fromkeys([primary, "auc"]))
    # Sorted keys are for the file; a reader expects the order of params.yaml.
    arms = {arm: result["arms"][arm] for arm in outcomes.arms}
    plots.draw_arms(arms, result["runs"], shown, confidence, directory / "arms.png")
    plots.draw_contrasts(result["contrasts"], primary, confidence, directory / "contrasts.png")
    plots.draw_confusion(outcomes, directory / "confusion.png")
    plots.draw_roc(outcomes, directory / "roc.png")
    plots.write_tables(outcomes, arms, result["contrasts"], directory)
