"""Curves say what they show, and what to do where they are not drawn."""

from __future__ import annotations

import json

import pytest

from pipeline.report import sizes
from pipeline.report.curves import curves, worth
from pipeline.tracking import NullRun
from pipeline.workflows import compare
from tests.simulated_run import add_generators, make_run, parameters
from tests.simulated_study import extend

SKILLS = {"real": 1.0, "classical": 1.5, "classical+synthetic": 3.0}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A run with every curve."""
    root = make_run(tmp_path_factory.mktemp("run"), SKILLS, patients=30)
    add_generators(root)
    compare.run(parameters(), root, NullRun())
    return extend(root)


def test_every_curve_is_there_with_its_numbers(study):
    """Pictures, findings in words, and a row for each number that is drawn."""
    result = json.loads((study / "metrics/comparison.json").read_text())
    patients, shares, images = curves(study, result, sizes.parts(result))
    assert all(curve.source.startswith("data:image/png") for curve in (patients, shares, images))
    assert [row[0] for row in patients.rows] == result["order"]
    assert patients.columns[1] == "25 training patients"
    mean = result["sizes"]["25"]["arms"]["real"]["balanced_accuracy"]["mean"]
    assert patients.rows[0][1]["mean"] == mean
    assert "real 0." in patients.says
    assert "50% in 5 of 6 folds" in shares.findings[0]
    assert len(shares.rows) == 3
    assert "validation most often chose 100 (3 of 3 folds)" in images.findings[0]
    assert [row[1] for row in images.rows] == ["0", "100", "400", "0", "200"]


def test_what_is_not_there_says_how_to_get_it(tmp_path):
    """No picture, no numbers, and the parameter to set."""
    found = curves(tmp_path, None, [])
    assert [bool(curve.source or curve.rows) for curve in found] == [False] * 3
    assert "split.train_patients" in found[0].wanted
    assert "classify.synthetic_share" in found[1].wanted
    assert "dvc repro curves" in found[2].wanted


def test_worth_says_what_lies_outside_of_the_sizes():
    """A bound that was not reached is no number; only announced contrasts are spelt out."""
    rows = [
        {"train_patients": "25", "worth": 38.2, "low": None, "high": 61.0},
        {"train_patients": "60", "worth": None, "low": None, "high": None},
    ]
    found = {"patients": {"worth": {"mixed": rows, "other": rows}}}
    result = {"baseline": "classical", "confidence": 0.9, "curves": found}
    result["contrasts"] = [
        {"arm": "mixed", "family": "headline"},
        {"arm": "other", "family": "exploratory"},
    ]
    first, second = worth(result)
    assert first == (
        "With 25 training patients, mixed is as good as classical with 38 patients "
        "(90% interval fewer than were measured to 61)."
    )
    assert second.endswith("lies outside of the sizes that were measured.")
