"""A comparison as MLflow shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline import tracking
from pipeline.tracking import NullRun
from tests.simulated_run import parameters

METRICS = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "auc", "f1", "ece")


class Recorder(NullRun):
    """A run that remembers figures and children."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self.children: list[tuple[str, dict[str, Any]]] = []

    def metrics(self, values, step=None) -> None:
        """Remember."""
        self.figures |= values

    def child(self, name, tags, metrics) -> None:
        """Remember."""
        self.children.append((name, dict(tags)))


def of_size(size: str, repeat: int, value: float) -> dict[str, Any]:
    """What comparison.json holds of one size."""
    run = {"arm": "real", "repeat": repeat, "fold": 0, "seed": 0, "train_patients": size}
    contrast = {"arm": "classical", "against": "real", "metric": "auc", "difference": value}
    return {
        "train_patients": size,
        "arms": {"real": {key: {"mean": value} for key in METRICS}},
        "contrasts": [contrast],
        "runs": [run | {"metrics": {"auc": value, "f1": None}}],
    }


def test_every_size_is_shown_and_the_headline_keeps_its_names() -> None:
    """Further sizes have figures of their own, and all classifiers are children."""
    first, second = of_size("25", 0, 0.5), of_size("60", 1, 0.75)
    result = {**first, "sizes": {"25": first, "60": second}}
    run = Recorder()
    tracking.show_comparison(run, result, parameters(), Path("nowhere"))
    assert run.figures["real/auc"] == 0.5
    assert run.figures["real with 60 patients/auc"] == 0.75
    assert run.figures["classical minus real with 60 patients/auc"] == 0.75
    assert [name for name, _ in run.children] == ["real r0f0s0", "real r1f0s0"]
    assert [tags["train_patients"] for _, tags in run.children] == ["25", "60"]
    assert len(tracking.classifiers(result)) == 2
    assert len(tracking.classifiers(first)) == 1


def test_an_arm_that_is_no_longer_listed_is_shown_too() -> None:
    """What was compared once stays to be seen; only its family is not known any more."""
    result = of_size("all", 0, 0.5)
    result["runs"][0]["arm"] = "gone"
    run = Recorder()
    tracking.show_comparison(run, result, parameters(), Path("nowhere"))
    assert [(name, "family" in tags) for name, tags in run.children] == [("gone r0f0s0", False)]
