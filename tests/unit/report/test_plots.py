"""The numbers behind the figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.report import plots, scores
from pipeline.report.outcomes import Fold, Outcomes


def outcomes(scores, labels) -> Outcomes:
    """One fold, one seed, two classes."""
    chance = np.asarray(scores, float)
    fold = Fold(
        0, 0, np.asarray(labels), np.arange(len(labels)), frozenset("wxyz"),
        {"arm": np.stack([1 - chance, chance], axis=1)[None]},
    )  # fmt: skip
    return Outcomes(
        ("no", "yes"), "yes", ("arm",), (0,), (fold,), np.asarray(labels), 4, 4,
        {"arm": pd.DataFrame()},
    )  # fmt: skip


def test_confusion_counts_images() -> None:
    """Rows are actual classes, columns predicted ones."""
    found = scores.confusion(outcomes([0.9, 0.2, 0.6, 0.1], [1, 1, 0, 0]), "arm")
    assert found.tolist() == [[1, 1], [1, 1]]


def test_area_under_the_drawn_curve() -> None:
    """Three of four pairs in order give three quarters, up to the grid's corners of 1 / 200."""
    curve = scores.roc(outcomes([0.9, 0.4, 0.6, 0.1], [1, 1, 0, 0]), "arm", 1)
    assert np.trapezoid(curve, dx=0.01) == pytest.approx(0.75, abs=0.0051)


def test_tied_scores_make_the_diagonal() -> None:
    """Equal scores rank nothing, whatever the order of the rows."""
    curve = scores.roc(outcomes([0.5] * 4, [1, 1, 0, 0]), "arm", 1)
    assert curve == pytest.approx(np.linspace(0, 1, 101))


def test_a_difference_without_an_interval_is_drawn(tmp_path) -> None:
    """As a mark without a bar: where nothing varied there are no bounds."""
    row = {
        "arm": "b", "against": "a", "difference": 0.0, "low": None, "high": None, "p_holm": 1.0,
        "verdict": "no evidence", "family": "headline", "train_patients": "0.5",
    }  # fmt: skip
    plots.draw_contrasts([row], "auc", 0.95, 0.02, tmp_path / "contrasts.png")
    assert (tmp_path / "contrasts.png").stat().st_size > 1000


def test_tables_hold_what_is_drawn(tmp_path) -> None:
    """The CSV files hold the drawn numbers, and no row of a single image."""
    given = outcomes([0.9, 0.2, 0.6, 0.1], [1, 1, 0, 0])
    arms = {"arm": {"auc": {"mean": 0.75, "low": 0.5, "high": 1.0}, "per_class": {}}}
    plots.write_tables(arms, [], tmp_path)
    scores.write_tables(given, tmp_path)
    confusion = pd.read_csv(tmp_path / "confusion.csv")
    assert confusion[["actual", "predicted"]].to_numpy().tolist() == [
        ["no", "no"], ["no", "yes"], ["yes", "no"], ["yes", "yes"],
    ]  # fmt: skip
    assert confusion["images"].tolist() == [1] * 4
    assert confusion["share"].tolist() == [0.5] * 4
    curve = pd.read_csv(tmp_path / "roc.csv")
    assert set(curve["class"]) == {"yes"}
    assert curve["true_positive_rate"].to_numpy() == pytest.approx(scores.roc(given, "arm", 1))
    assert pd.read_csv(tmp_path / "arms.csv").to_dict("records") == [
        {"arm": "arm", "metric": "auc", "mean": 0.75, "low": 0.5, "high": 1.0}
    ]
    assert pd.read_csv(tmp_path / "contrasts.csv").empty
