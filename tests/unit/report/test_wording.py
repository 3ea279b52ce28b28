"""The result in words."""

from __future__ import annotations

import pytest

from pipeline.report import wording


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("helps", "improves the classifier"),
        ("harms", "makes the classifier worse"),
        ("no evidence", "does not show"),
    ],
)
def test_sentence_says_verdict_size_and_interval(verdict: str, words: str) -> None:
    """Each verdict has its words, the difference in percentage points and the interval."""
    contrast = {
        "arm": "b", "against": "a", "metric": "balanced_accuracy", "difference": -0.0312,
        "low": -0.05, "high": 0.01, "verdict": verdict,
    }  # fmt: skip
    said = wording.sentence(contrast, 0.95)
    assert words in said
    assert "−3.1 percentage points (95% interval −5.0 to +1.0)" in said
    assert "b rather than a" in said


def test_areas_are_no_percentages() -> None:
    """An AUC keeps its own scale."""
    assert wording.signed("auc", 0.0123) == "+0.012"


def test_warning_only_with_reasons() -> None:
    """A run of full size carries no warning."""
    assert wording.size_warning([]) == ""
    assert "few patients; one seed" in wording.size_warning(["few patients", "one seed"])
