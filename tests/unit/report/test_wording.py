"""The result in words."""

from __future__ import annotations

import pytest

from pipeline.report import wording


def contrast(verdict: str = "helps", **changes: object) -> dict[str, object]:
    """A contrast of comparison.json."""
    return {
        "arm": "b", "against": "a", "metric": "balanced_accuracy", "train_patients": "all",
        "difference": -0.0312, "low": -0.05, "high": 0.01, "verdict": verdict,
        "family": "headline", "test": "corrected_t", "error": 0.02, "generators": 3,
        "equivalence": {"margin": 0.02, "low": -0.018, "high": 0.004, "p_holm": 0.3},
        "p": 0.2, "p_holm": 0.2,
        "power": {"power": 0.8, "smallest": 0.041},
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("helps", "improves the classifier"),
        ("harms", "makes the classifier worse"),
        ("equivalent", "makes no difference that matters"),
        ("no evidence", "does not show"),
    ],
)
def test_sentence_says_verdict_size_and_interval(verdict: str, words: str) -> None:
    """Each verdict has its words, the difference in percentage points and the interval."""
    said = wording.sentence(contrast(verdict), 0.95)
    assert words in said
    interval = (
        "90% interval −1.8 to +0.4" if verdict == "equivalent" else "95% interval −5.0 to +1.0"
    )
    assert f"−3.1 percentage points ({interval})" in said
    assert "b rather than a" in said


def test_no_evidence_says_what_could_have_been_found() -> None:
    """The smallest difference and its chance, or that none could; the others say no such thing."""
    said = wording.sentence(contrast("no evidence"), 0.95)
    assert "A true difference of 4.1 percentage points would be found in 80% of such runs" in said
    hopeless = contrast("no evidence", power={"power": 0.8, "smallest": 1.7})
    assert "no difference would be found in 80%" in wording.sentence(hopeless, 0.95)
    assert "would be found" not in wording.sentence(contrast("helps"), 0.95)


def test_equivalent_says_what_was_too_small_to_matter() -> None:
    """The margin is told in the metric's unit."""
    said = wording.sentence(contrast("equivalent"), 0.95)
    assert "Differences up to 2.0 percentage points were set beforehand" in said


def test_size_family_and_single_draw_are_said() -> None:
    """A limited size leads, and what limits the claim follows."""
    said = wording.sentence(contrast(train_patients="25", family="exploratory"), 0.95)
    assert said.startswith("With 25 training patients: training with b")
    assert said.endswith("it suggests what to test and settles nothing.")
    assert "With 50% of the training patients" in wording.sentence(
        contrast(train_patients="0.5"), 0.95
    )
    single = wording.sentence(contrast(test="clustered_bootstrap"), 0.95)
    assert "patients that were trained on; no others" in single
    one = wording.sentence(contrast(test="clustered_bootstrap", generators=1), 0.95)
    assert "trained on and for the one generator that was trained; no others" in one
    assert "patients that were trained on" not in wording.sentence(contrast(), 0.95)


def test_without_scatter_there_is_no_interval() -> None:
    """Nor a difference that could have been shown: both would be made up."""
    nan = float("nan")
    power = {"power": 0.8, "smallest": nan}
    changes = {"error": 0.0, "low": nan, "high": nan, "p": 1.0, "power": power}
    said = wording.sentence(contrast("no evidence", test="mrmc", **changes), 0.95)
    assert "no interval: no training and no patient differed" in said
    assert "nan" not in said and "would be found" not in said
    said = wording.sentence(contrast("no evidence", **changes), 0.95)
    assert "no interval: all folds gave the same difference, which leaves" in said


def test_an_interval_without_zero_beside_no_evidence_is_explained() -> None:
    """The interval is one comparison's, the verdict that of several."""
    alone = contrast("no evidence", low=-0.06, high=-0.002, p=0.036, p_holm=0.072)
    said = wording.sentence(alone, 0.95)
    assert "Taken alone, its 95% interval leaves out zero; among all the comparisons" in said
    assert "Taken alone" not in wording.sentence(contrast("no evidence"), 0.95)
    assert "Taken alone" not in wording.sentence(contrast("harms", p=0.001), 0.95)


def test_a_sure_gain_that_is_too_small_to_matter_is_called_so() -> None:
    """The verdict stays, and so does what was set beforehand."""
    equal = {"margin": 0.02, "low": -0.018, "high": 0.004, "p_holm": 0.01}
    said = wording.sentence(contrast("helps", equivalence=equal), 0.95)
    assert "also shown to be smaller than the 2.0 percentage points" in said
    assert "also shown" not in wording.sentence(contrast("helps"), 0.95)
    assert "also shown" not in wording.sentence(contrast("helps", equivalence=None), 0.95)


def test_confidence_keeps_its_digits() -> None:
    """99.9% is not 100%."""
    assert "99.9% interval" in wording.sentence(contrast(), 0.999)
    assert "99.8% interval" in wording.sentence(contrast("equivalent"), 0.999)


def test_areas_are_no_percentages() -> None:
    """An AUC keeps its own scale."""
    assert wording.signed("auc", 0.0123) == "+0.012"


def test_warning_only_with_reasons() -> None:
    """A run of full size carries no warning."""
    assert wording.size_warning([]) == ""
    assert "few patients; one seed" in wording.size_warning(["few patients", "one seed"])
