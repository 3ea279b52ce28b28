"""The terminal shows every arm, every verdict and every warning of the comparison."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from pipeline.errors import DataError
from pipeline.workflows import verdict

FIGURE = {"mean": 0.75, "low": 0.7, "high": 1.0}
METRICS = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "auc", "f1", "ece")
RESULT = {
    "note": "Phantom: not patients.",
    "demonstration": True,
    "demonstration_reasons": ["it is small"],
    "primary": "balanced_accuracy",
    "baseline": "classical",
    "confidence": 0.95,
    "positive_class": "Malign",
    "units": {"patients": 5, "images": 9, "folds": 3, "repeats": 1, "seeds": 2},
    "order": ["real", "classical"],
    "arms": {
        "classical": dict.fromkeys(METRICS, FIGURE),
        "real": dict.fromkeys(METRICS, FIGURE) | {"auc": {"mean": None, "low": None, "high": None}},
    },
    "contrasts": [{"sentence": "Augmentation helps by a lot.", "verdict": "helps"}],
}


def shown(tmp_path, result, width=110) -> str:
    """What the terminal shows."""
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/comparison.json").write_text(json.dumps(result))
    text = io.StringIO()
    verdict.run(tmp_path, Console(file=text, width=width))
    return text.getvalue()


def test_everything_that_matters_is_there(tmp_path):
    """Arms in the order of params.yaml, intervals, sentences, warnings, where to look."""
    text = shown(tmp_path, RESULT)
    assert text.index("real ") < text.index("classical ")
    assert ".750 (.700\N{EN DASH}1.000)" in text
    assert "Augmentation helps by a lot." in text
    assert "5 patients, 9 images; 1 repeat x 3 folds x 2 seeds" in text
    assert "sensitivity is for Malign" in text
    assert "demonstration" in text
    assert "Phantom: not patients." in text
    assert "report/index.html" in text


def test_what_was_asked_comes_first(tmp_path):
    """And what was only looked at after it."""
    rows = [
        {"sentence": "Only looked at.", "verdict": "no evidence", "family": "exploratory"},
        {"sentence": "The question.", "verdict": "no evidence", "family": "headline"},
    ]
    text = shown(tmp_path, RESULT | {"contrasts": rows})
    assert text.index("The question.") < text.index("Only looked at.")


def test_what_is_not_defined_is_a_dash(tmp_path):
    """Not a zero, and not an error."""
    assert "\N{EN DASH} (\N{EN DASH}\N{EN DASH}\N{EN DASH})" in shown(tmp_path, RESULT)


def test_a_covariate_stands_below_the_arms(tmp_path):
    """Its row says what it is, so that nobody takes it for an arm."""
    covariates = {"diameter_mm": dict.fromkeys(METRICS, FIGURE | {"mean": 0.92})}
    text = shown(tmp_path, RESULT | {"covariates": covariates}, width=100)
    row = next(line for line in text.splitlines() if "diameter_mm" in line)
    assert ".920 (.700\N{EN DASH}1.000)" in row
    assert text.index("classical ") < text.index(row) < text.index("alone, no image")


@pytest.mark.parametrize("content", [None, "{", '{"arms": {}}'])
def test_no_comparison_is_a_sentence(tmp_path, content):
    """Missing, broken or of another kind."""
    (tmp_path / "metrics").mkdir()
    if content is not None:
        (tmp_path / "metrics/comparison.json").write_text(content)
    with pytest.raises(DataError, match=r"comparison\.json.*dvc repro"):
        verdict.run(tmp_path)
