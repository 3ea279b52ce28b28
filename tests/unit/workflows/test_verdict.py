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


def shown(tmp_path, result, width=110, **options) -> str:
    """What the terminal shows."""
    (tmp_path / "metrics").mkdir(parents=True)
    (tmp_path / "metrics/comparison.json").write_text(json.dumps(result))
    text = io.StringIO()
    verdict.run(tmp_path, Console(file=text, width=width), **options)
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


def sizes(result):
    """The result with a second size, at which the arm harms."""
    asked = {
        "arm": "real",
        "against": "classical",
        "difference": -0.05,
        "low": -0.09,
        "high": -0.01,
    }
    row = asked | {"verdict": "harms", "family": "headline", "sentence": "It harms."}
    explored = row | {"arm": "mixup", "family": "exploratory"}
    other = {"arms": result["arms"], "contrasts": [row, explored]}
    first = {"arms": result["arms"], "contrasts": result["contrasts"]}
    return result | {"train_patients": "60", "sizes": {"60": first, "all": other}}


def test_other_sizes_stand_below_the_one_that_decides(tmp_path):
    """What was asked beforehand is repeated for each; what is exploratory is not."""
    text = shown(tmp_path, sizes(RESULT))
    assert text.index("Augmentation helps by a lot.") < text.index("at other sizes")
    assert "−0.050 (−0.090 to −0.010)" in text and "harms" in text
    assert "mixup" not in text
    assert "other sizes" not in shown(tmp_path / "plain", RESULT)


def test_another_size_without_an_interval_is_shown(tmp_path):
    """Where nothing varied there are no bounds, and still a difference."""
    result = sizes(RESULT)
    result["sizes"]["all"]["contrasts"][0] |= {"low": None, "high": None, "difference": 0.0}
    text = shown(tmp_path, result)
    assert "+0.000" in text and "+0.000 (" not in text


def test_json_holds_every_size_the_deciding_one_first(tmp_path):
    """Figures and contrasts as comparison.json has them, whatever the width."""
    found = json.loads(shown(tmp_path, sizes(RESULT), as_json=True))
    assert [part["train_patients"] for part in found["sizes"]] == ["60", "all"]
    assert [part["decides"] for part in found["sizes"]] == [True, False]
    assert found["sizes"][1]["contrasts"][0]["verdict"] == "harms"
    assert found["primary"] == "balanced_accuracy" and found["demonstration"] is True
    (only,) = json.loads(shown(tmp_path / "plain", RESULT, as_json=True))["sizes"]
    assert only["contrasts"] == RESULT["contrasts"]
