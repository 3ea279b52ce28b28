"""The figures by patients, by subgroup and of calibration: their numbers and their bytes."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.report import diagrams, plots
from pipeline.report.plots import Line

ARMS = ("real", "classical")


def test_an_arm_has_one_colour_and_marker_in_all_figures() -> None:
    """By its place in params.yaml; the first eight are all different."""
    arms = [f"arm {k}" for k in range(8)]
    assert len(set(plots.colours(arms).values())) == len(set(plots.markers(arms).values())) == 8
    assert plots.colours(arms)["arm 3"] == plots.COLOURS[3]


@pytest.mark.parametrize("places", [2, 1, 20])
@pytest.mark.parametrize("log", [True, False])
def test_a_curve_is_drawn_to_the_same_bytes(tmp_path, places: int, log: bool) -> None:
    """With gaps, at few places and at many."""
    x = [float(place + 1) for place in range(places)]
    y = [0.5 + 0.01 * place for place in range(places - 1)] + [None]
    low, high = ([None if v is None else v + s for v in y] for s in (-0.1, 0.1))
    lines = [Line(arm, x, y, low, high, colour) for arm, colour in plots.colours(ARMS).items()]
    for name in ("a.png", "b.png"):
        plots.draw_curve(tmp_path / name, lines, x_label="x", y_label="y", log=log)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_bars_of_several_lines_stand_side_by_side() -> None:
    """On a logarithmic axis by a ratio that is the same everywhere, the middle line in place."""
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    flat = [0.5, 0.6]
    lines = [Line(name, [25, 100], flat, flat, flat, "k") for name in "abc"]
    plots.add_curve(axes, lines, x_label="", y_label="", log=True)
    first, middle, last = (line.get_xdata() for line in axes.get_lines())
    assert list(middle) == pytest.approx([25, 100])
    assert first[0] / 25 == pytest.approx(first[1] / 100)
    assert first[0] < 25 < last[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["25", "100"]


def test_patients_are_drawn_and_written(tmp_path) -> None:
    """One row an arm, metric and size, by rising number of patients."""
    points = [
        {"train_patients": size, "patients": float(size), "mean": 0.7, "low": 0.6, "high": 0.8}
        for size in ("25", "60")
    ]
    arms = {arm: {"auc": points} for arm in ARMS}
    diagrams.draw_patients(arms, ARMS, ["auc"], tmp_path / "patients.png")
    table = pd.read_csv(tmp_path / "patients.csv")
    assert table["arm"].tolist() == ["real", "real", "classical", "classical"]
    assert table["patients"].tolist() == [25, 60, 25, 60]
    assert list(table) == ["arm", "metric", "train_patients", "patients", "mean", "low", "high"]


def test_subgroups_are_drawn_and_written(tmp_path) -> None:
    """A part without a difference has no row; a figure is drawn even if none has."""
    found = {"arm": "classical", "against": "real", "metric": "auc"}
    found |= {"difference": 0.01, "low": -0.1, "high": 0.12}
    parts = [
        {"column": "scanner", "level": "GE", "groups": 40, "differences": [found]},
        {"column": "scanner", "level": "other", "groups": 12, "differences": []},
    ]
    diagrams.draw_subgroups(parts, "auc", tmp_path / "subgroups.png")
    table = pd.read_csv(tmp_path / "subgroups.csv")
    assert table[["level", "groups", "difference"]].to_numpy().tolist() == [["GE", 40, 0.01]]
    diagrams.draw_subgroups(parts[1:], "auc", tmp_path / "none.png")
    assert (tmp_path / "none.png").exists()


def test_reliability_is_drawn_for_any_number_of_arms(tmp_path) -> None:
    """Five arms need a second row; a calibration error may be undefined in none."""
    point = {"predicted": 0.4, "observed": 0.5, "low": 0.3, "high": 0.7, "images": 12.0}
    arms = {f"arm {k}": {"ece": {"mean": 0.1}, "reliability": [point]} for k in range(5)}
    diagrams.draw_reliability(arms, "malignant", tmp_path / "reliability.png")
    assert (tmp_path / "reliability.png").stat().st_size > 5000
