"""From samples to intervals, paired tests and verdicts.

Which test decides is fixed by the design, before anything is seen: over several draws of limited
training patients the multi-reader test (`mrmc`), over folds of all patients the corrected resampled
t-test, on one test set of one draw the patient-clustered paired bootstrap. Only the primary metric
gets verdicts; everything else is `supporting`. Probabilities are averaged over seeds only where a
test needs one answer an image (DeLong, McNemar), which then speak of the ensemble of the seeds.
p-values are corrected by Holm within a family: the headline contrasts of all sizes, and apart from
them the exploratory ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline import statistics
from pipeline.report.measures import Measured, Sample
from pipeline.report.outcomes import Outcomes
from pipeline.report.scales import LOWER_IS_BETTER, NO_SHARES
from pipeline.statistics import EffectSize, Equivalence, Paired

BOOTSTRAP, CORRECTED_T, MRMC = "clustered_bootstrap", "corrected_t", "mrmc"
HEADLINE, EXPLORATORY = "headline", "exploratory"
ALL_PATIENTS = "all"


@dataclass(frozen=True)
class Interval:
    """A figure with its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Design:
    """What fixes which test decides, and what that test needs to know.

    Args:
        deciding: The test's name.
        ratio: Test groups per training group.
        overlap: Mean share of training groups that two draws have in common.
        confidence: Two-sided coverage of every interval; 1 - alpha.
        repeated: Whether all draws have the same training and test patients, so that they differ
            as seeds do.
    """

    deciding: str
    ratio: float
    overlap: float
    confidence: float
    repeated: bool = False

    @classmethod
    def of(cls, outcomes: Outcomes, size: str, confidence: float) -> Design:
        """The design of the folds and repeats of one size.

        Args:
            outcomes: The size's.
            size: `all`, or what training was limited to.
            confidence: Two-sided coverage of every interval.
        """
        overlap = statistics.training_overlap([fold.training for fold in outcomes.folds])
        tested = {frozenset(fold.groups.tolist()) for fold in outcomes.folds}
        if len(outcomes.folds) == 1 or overlap >= 1:
            deciding = BOOTSTRAP
        elif size == ALL_PATIENTS and len(tested) > 1:
            deciding = CORRECTED_T
        else:
            deciding = MRMC
        repeated = overlap >= 1 and len(tested) == 1
        return cls(deciding, outcomes.test_train_ratio, overlap, confidence, repeated)


@dataclass(frozen=True)
class Contrast:
    """One arm held against another on one metric.

    Args:
        arm: The arm in question.
        against: The arm it is held against.
        metric: A metric key.
        result: Difference, interval and p.
        size: What training was limited to, `all` for nothing.
        family: `headline` or `exploratory`: the contrasts that p is corrected over.
        p_holm: p corrected over its family.
        questions: Contrasts of the family.
        effect: The difference in units of its scatter over draws, where there are enough.
        equal: The test of a difference too small to matter, where there is a margin.
        equal_holm: Its p corrected over the family.
        generators: How many trained generators are behind it, 0 where not known or none.
    """

    arm: str
    against: str
    metric: str
    result: Paired
    size: str = ALL_PATIENTS
    family: str = HEADLINE
    p_holm: float = 1.0
    questions: int = 1
    effect: EffectSize | None = None
    equal: Equivalence | None = None
    equal_holm: float = 1.0
    generators: int = 0

    def smallest(self, power: float, confidence: float) -> float:
        """The smallest true difference that would get a verdict with this power.

        At the level that the corrected p of a single true difference has to pass.
        """
        return statistics.smallest_difference(self.result, power, (1 - confidence) / self.questions)

    def verdict(self, confidence: float) -> str:
        """`helps`, `harms`, `equivalent` or `no evidence`."""
        alpha = 1 - confidence
        if self.p_holm < alpha - 1e-12 and self.result.difference != 0:
            better = (self.result.difference > 0) != (self.metric in LOWER_IS_BETTER)
            return "helps" if better else "harms"
        return "equivalent" if self.equal_holm <= alpha else "no evidence"


def interval(metric: str, sample: Sample, patients: int, design: Design) -> Interval:
    """A figure with its interval: over draws where these are limited, else the bootstrap's.

    Where every resampled set gives one and the same figure (no error in any patient, say), the
    bootstrap knows no width; then the interval is Wilson's for `patients` patients.
    """
    found = sample.defined()
    if not len(found.values):
        return Interval(float("nan"), float("nan"), float("nan"))
    test = BOOTSTRAP if len(found.values) < 2 or design.deciding != MRMC else MRMC
    result = paired_test(found, test, design)
    if result.error > 0:
        return Interval(result.difference, max(0.0, result.low), min(1.0, result.high))
    if metric in NO_SHARES:
        return Interval(result.difference, float("nan"), float("nan"))
    low, high = statistics.wilson(result.difference * patients, patients, design.confidence)
    return Interval(result.difference, low, high)


def paired_test(sample: Sample, test: str, design: Design) -> Paired:
    """Test a sample's mean against zero.

    Args:
        sample: Of defined folds only, at least one; two but for the bootstrap.
        test: `mrmc`, `corrected_t` or `clustered_bootstrap`.
        design: What the test needs to know.
    """
    over_seeds, confidence = sample.values.mean(axis=1), design.confidence
    if test == MRMC:
        moves = sample.moves.mean(axis=1)
        return statistics.mrmc(over_seeds, moves, design.overlap, confidence)
    if test == CORRECTED_T:
        return statistics.corrected_t(over_seeds, design.ratio, confidence)
    if design.repeated:
        sample = sample.as_one_fold()
    return statistics.clustered_bootstrap(
        sample.values, sample.moves, sample.drawn, confidence, shared=sample.shared
    )


def contrast_all(
    pairs: Sequence[tuple[str, str]],
    outcomes: Outcomes,
    measured: Mapping[str, Measured],
    design: Design,
    *,
    metric: str,
    test: str,
    size: str = ALL_PATIENTS,
    margin: float | None = None,
) -> list[Contrast]:
    """Test pairs of arms on one metric with one test, corrected by Holm over the pairs.

    Args:
        pairs: (arm, against).
        outcomes: The predictions.
        measured: From `measures.measure`.
        design: What the test needs to know.
        metric: A metric key.
        test: `mrmc`, `corrected_t`, `clustered_bootstrap`, `delong` or `mcnemar`; the latter two
            for `auc` and `accuracy` of a single fold.
        size: What training was limited to.
        margin: Differences up to this are to be shown too small to matter.

    Returns:
        One contrast a pair, but for those whose test cannot be made.
    """
    found = []
    for arm, against in pairs:
        sample = (measured[arm].overall[metric] - measured[against].overall[metric]).defined()
        if test in (MRMC, CORRECTED_T, BOOTSTRAP):
            few = len(sample.values) < (1 if test == BOOTSTRAP else 2)
            result = None if few else paired_test(sample, test, design)
        else:
            result = _ensemble_test(test, outcomes, arm, against, design.confidence)
        if result is None:
            continue
        effect = statistics.effect_size(sample.values.mean(axis=1), design.confidence)
        equal = margin and statistics.equivalence(result, margin, design.confidence)
        found.append(
            Contrast(
                arm, against, metric, result, size,
                effect=effect, equal=equal or None, generators=sample.generators,
            )
        )  # fmt: skip
    return corrected(found)


def corrected(
    contrasts: Sequence[Contrast], headline: Collection[str] | None = None, baseline: str = ""
) -> list[Contrast]:
    """Sort contrasts into families and correct each by Holm, over arms and sizes together.

    Differences are one set of questions of a family, and equalities another, each kept at the level
    by itself. Of one contrast only one of the two can be answered wrongly; of several, the chance
    of any wrong answer of either kind is at most twice the level.

    Args:
        contrasts: Of one metric and test, of all sizes.
        headline: Arms whose contrasts are the headline family; None makes all of them one.
        baseline: The arm that is on one side of every contrast.
    """
    families = [_family(contrast, headline, baseline) for contrast in contrasts]
    done = list(contrasts)
    for family in (HEADLINE, EXPLORATORY):
        members = [i for i, name in enumerate(families) if name == family]
        p_holm = statistics.holm([contrasts[i].result.p for i in members])
        equal_holm = statistics.holm([_p_equal(contrasts[i]) for i in members])
        for i, p, equal in zip(members, p_holm, equal_holm, strict=True):
            done[i] = replace(
                contrasts[i],
                family=family,
                questions=len(members),
                p_holm=float(p),
                equal_holm=float(equal),
            )
    return done


def _p_equal(contrast: Contrast) -> float:
    return 1.0 if contrast.equal is None else contrast.equal.p


def _family(contrast: Contrast, headline: Collection[str] | None, baseline: str) -> str:
    other = contrast.against if contrast.arm == baseline else contrast.arm
    return HEADLINE if headline is None or other in headline else EXPLORATORY


def _ensemble_test(
    test: str, outcomes: Outcomes, arm: str, against: str, confidence: float
) -> Paired | None:
    """DeLong or McNemar on the seeds' mean probabilities, clustered where patients repeat."""
    if len(outcomes.folds) != 1:
        return None
    fold = outcomes.folds[0]
    first, second = (fold.probabilities[name].mean(axis=0) for name in (arm, against))
    single = len(np.unique(fold.groups)) == len(fold.groups)
    if test == "delong":
        k = outcomes.positive
        if k is None:
            return None
        truth = fold.labels == k
        groups = None if single else fold.groups
        try:
            return statistics.delong(truth, first[:, k], second[:, k], confidence, groups=groups)
        except ValueError:
            return None
    right = first.argmax(axis=1) == fold.labels
    right_against = second.argmax(axis=1) == fold.labels
    if single:
        return statistics.mcnemar(right, right_against, confidence)
    return statistics.mcnemar_clustered(right, right_against, fold.groups, confidence)
