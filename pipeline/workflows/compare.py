"""The stage `compare`: predictions of the arms -> intervals, paired tests, verdicts and figures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import jsonfile, tracking
from pipeline.classifier.metrics import METRICS
from pipeline.config import Params
from pipeline.errors import ParameterError
from pipeline.imageset import ImageSet
from pipeline.report import (
    calibration,
    covariates,
    diagrams,
    evidence,
    measures,
    patients,
    plots,
    ratio,
    result,
    scores,
    sizes,
    subgroups,
)  # fmt: skip
from pipeline.report.evidence import BOOTSTRAP, Contrast, Design
from pipeline.report.measures import Measured
from pipeline.report.outcomes import Outcomes, read
from pipeline.report.subgroups import Part
from pipeline.seeding import numpy_rng
from pipeline.splits import Splits

UNTREATED = "real"
OF_PARTS = ("auc", "sensitivity", "specificity")
BySize = Mapping[str, Outcomes]


def run(params: Params, root: Path, tracker: tracking.Run) -> None:
    """Compare the arms listed in `classify.arms`, and write metrics/ and plots/compare.

    Args:
        params: All parameters.
        root: The project's root.
        tracker: Gets each arm's figures and the plots.

    Raises:
        DataError: If predictions are missing, malformed or not about the same test images.
        ParameterError: If the primary metric is not defined for these data, or a covariate or
            subgroup is no such column of theirs.
    """
    images = ImageSet.open(root / "data/images")
    splits = Splits.open(root / "data/splits.csv")
    outcomes: BySize = read(list(params.classify.arms), images, splits, root / "predictions")
    chosen = params.compare
    alone = {
        size: covariates.predict(chosen.covariates, images, splits, of_size)
        for size, of_size in outcomes.items()
    }
    parts = subgroups.divide(chosen.subgroups, images, splits, _headline(outcomes))
    document = compare(params, outcomes, alone, parts, note=images.meta.note)
    shares = ratio.measure(
        _headline(outcomes).arms, images, splits, root / "predictions",
        metric=chosen.primary, confidence=chosen.confidence,
    )  # fmt: skip
    if shares:
        document["curves"] |= {"shares": shares}
        picture = root / "plots/compare/shares.png"
        ratio.draw(shares, chosen.primary, chosen.confidence, picture)
    path = root / "metrics/comparison.json"
    written = jsonfile.write(path, document)
    brief = json.dumps(result.brief(written), indent=2, ensure_ascii=False)
    (path.parent / "arms.json").write_text(brief + "\n", encoding="utf-8")
    _draw(written, _headline(outcomes), root / "plots/compare")
    tracking.show_comparison(tracker, written, params, root)


def compare(
    params: Params,
    outcomes: BySize,
    alone: BySize,
    parts: Sequence[Part] = (),
    *,
    note: str = "",
) -> dict[str, Any]:
    """Turn aligned predictions into the content of comparison.json.

    Args:
        params: All parameters.
        outcomes: The aligned predictions for each size of the training part, the headline's first.
        alone: The covariates', which are shown beside the arms and held against none.
        parts: Subgroups of the headline size's test images.
        note: What every output repeats about the images.
    """
    chosen = params.compare
    designs = {size: Design.of(found, size, chosen.confidence) for size, found in outcomes.items()}
    # The same generator at every size: the same patients are drawn, and sizes are paired.
    measured = {
        size: measures.measure(
            found, chosen.bootstrap, rng=numpy_rng(params.seed, "compare", "bootstrap")
        )
        for size, found in outcomes.items()
    }
    _check_primary(params, measured, designs)
    decisive = evidence.corrected(
        [
            contrast
            for size in outcomes
            for contrast in _contrasts(params, outcomes, measured, designs, size)
        ],
        chosen.headline,
        chosen.baseline,
    )
    documents = {
        size: _of_size(params, outcomes, measured, designs, size)
        | {
            "contrasts": [
                result.contrast_row(found, params) for found in decisive if found.size == size
            ],
            "covariates": _covariates(params, alone[size], designs[size]),
        }
        for size in outcomes
    }
    first, headline = next(iter(documents.items()))
    reasons = result.demonstration(params, outcomes[first])
    return {
        "note": note,
        "demonstration": bool(reasons),
        "demonstration_reasons": reasons,
        "primary": chosen.primary,
        "baseline": chosen.baseline,
        "confidence": chosen.confidence,
        "equivalence_margin": chosen.equivalence_margin,
        "scheme": params.split.scheme,
        "classes": list(outcomes[first].classes),
        "positive_class": outcomes[first].positive_class,
        "order": list(outcomes[first].arms),
        **headline,
        "subgroups": _subgroups(params, outcomes[first], designs[first], parts),
        "curves": _curves(params, outcomes, measured, documents),
        **({"sizes": documents} if len(documents) > 1 else {}),
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


def _headline(outcomes: BySize) -> Outcomes:
    return next(iter(outcomes.values()))


def _check_primary(
    params: Params,
    measured: Mapping[str, Mapping[str, Measured]],
    designs: Mapping[str, Design],
) -> None:
    """Refuse a measure that the test images leave undefined, or too often for the test."""
    primary = params.compare.primary
    means = [arm.overall[primary].mean for arms in measured.values() for arm in arms.values()]
    if any(map(math.isnan, means)):
        raise ParameterError(
            "compare.primary", f"{primary} is not defined on these test images; use another"
        )
    for size, arms in measured.items():
        folds = min(len(arm.overall[primary].defined().values) for arm in arms.values())
        if folds < 2 and designs[size].deciding != evidence.BOOTSTRAP:
            raise ParameterError(
                "compare.primary",
                f"{primary} is defined in {folds} test part only, since the others lack a class; "
                "use another, or fewer split.folds",
            )


def _contrasts(
    params: Params,
    outcomes: BySize,
    measured: Mapping[str, Mapping[str, Measured]],
    designs: Mapping[str, Design],
    size: str,
    metric: str | None = None,
    test: str | None = None,
) -> list[Contrast]:
    """The contrasts of one size; those that decide unless told otherwise."""
    return evidence.contrast_all(
        pairs(params), outcomes[size], measured[size], designs[size],
        metric=metric or params.compare.primary, test=test or designs[size].deciding, size=size,
        margin=None if metric else params.compare.equivalence_margin,
    )  # fmt: skip


def _of_size(
    params: Params,
    outcomes: BySize,
    measured: Mapping[str, Mapping[str, Measured]],
    designs: Mapping[str, Design],
    size: str,
) -> dict[str, Any]:
    """What is told of one size beside its contrasts that decide."""
    primary, deciding, found = params.compare.primary, designs[size].deciding, outcomes[size]
    further = [(metric, deciding) for metric in METRICS if metric != primary]
    if deciding == BOOTSTRAP:
        further += [("auc", "delong"), ("accuracy", "mcnemar")]
    else:
        further += [(primary, BOOTSTRAP)]
    bins = calibration.reliability(
        found, params.compare.bootstrap, params.compare.confidence,
        rng=numpy_rng(params.seed, "compare", "reliability"),
    )  # fmt: skip
    return {
        "train_patients": size,
        "test": deciding,
        "units": result.units(found),
        "arms": {
            arm: result.arm_figures(found, measured[size][arm], designs[size])
            | {"reliability": bins[arm]}
            for arm in found.arms
        },
        "supporting": [
            result.supporting_row(contrast)
            for metric, test in further
            for contrast in _contrasts(params, outcomes, measured, designs, size, metric, test)
        ],
        "runs": result.runs(found, measured[size], size),
    }


def _covariates(params: Params, alone: Outcomes, design: Design) -> dict[str, Any]:
    """Figures of each covariate, as an arm's; drawn apart, so that one more changes no arm."""
    if not alone.arms:
        return {}
    rng = numpy_rng(params.seed, "compare", "covariates")
    measured = measures.measure(alone, params.compare.bootstrap, rng=rng)
    return {name: result.arm_figures(alone, measured[name], design) for name in alone.arms}


def _subgroups(
    params: Params, outcomes: Outcomes, design: Design, parts: Sequence[Part]
) -> list[dict[str, Any]]:
    metrics = list(dict.fromkeys([params.compare.primary, *OF_PARTS]))
    return [
        subgroups.figures(
            part, outcomes, pairs(params), metrics, design, params.compare.bootstrap,
            rng=numpy_rng(params.seed, "compare", "subgroups", part.column, part.level),
        )
        for part in parts
    ]  # fmt: skip


def _curves(
    params: Params,
    outcomes: BySize,
    measured: Mapping[str, Mapping[str, Measured]],
    documents: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """How the arms do with how many training patients; nothing where there is one size."""
    if len(outcomes) < 2:
        return {}
    chosen = params.compare
    shown = list(dict.fromkeys([chosen.primary, "auc"]))
    arms = {size: document["arms"] for size, document in documents.items()}
    worth = patients.worth(
        outcomes, measured, chosen.primary, chosen.baseline, chosen.confidence,
        rng=numpy_rng(params.seed, "compare", "worth"),
    )  # fmt: skip
    return {"patients": {"arms": patients.curves(outcomes, arms, shown), "worth": worth}}


def _draw(written: Mapping[str, Any], outcomes: Outcomes, directory: Path) -> None:
    primary, confidence = written["primary"], written["confidence"]
    shown: Sequence[str] = list(dict.fromkeys([primary, "auc"]))
    # Sorted keys are for the file; a reader expects the order of params.yaml.
    arms = {arm: written["arms"][arm] for arm in outcomes.arms}
    contrasts = [row for part in sizes.parts(written) for row in part.contrasts]
    plots.draw_arms(arms, written["runs"], shown, confidence, directory / "arms.png")
    plots.draw_contrasts(
        contrasts, primary, confidence, written["equivalence_margin"], directory / "contrasts.png"
    )
    scores.draw_confusion(outcomes, directory / "confusion.png")
    scores.draw_roc(outcomes, directory / "roc.png")
    diagrams.draw_reliability(arms, written["positive_class"], directory / "reliability.png")
    plots.write_tables(arms, contrasts, directory)
    scores.write_tables(outcomes, directory)
    if "patients" in written["curves"]:
        by_patients = written["curves"]["patients"]["arms"]
        diagrams.draw_patients(by_patients, outcomes.arms, shown, directory / "patients.png")
    if written["subgroups"]:
        diagrams.draw_subgroups(written["subgroups"], primary, directory / "subgroups.png")
