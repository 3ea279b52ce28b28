"""Rows of figures: means since the row before, and equal files for equal trainings."""

from __future__ import annotations

import json

import pytest
import torch

from pipeline.gan.family import Report
from pipeline.gan.history import Finding, History, write_findings, write_rows


def report(loss, real=0.0):
    """What a step found."""
    return Report({"x": torch.tensor(loss)}, torch.tensor([real]), torch.tensor([-real]))


def spoken(history, step, **monitors):
    """What is new at a step; every monitor warns."""
    return [
        (found.step, found.monitor, found.action, found.message)
        for found in history.ask(step, {name: (each, "warn") for name, each in monitors.items()})
    ]


def filled(steps):
    """A history of rows at steps from 1 on."""
    history = History()
    for step in range(1, steps + 1):
        history.close_row(step, {})
    return history


def test_rows_hold_means_and_greatest_gradients():
    """Of the steps since the row before, and D as a probability."""
    history = History()
    history.note(report(1.0), {"g": 5.0})
    history.note(report(3.0), {"g": 4.0})
    row = history.close_row(2, {})
    assert row == {
        "loss_x": 2.0,
        "d_real": 0.5,
        "d_fake": 0.5,
        "d_accuracy": 0.0,
        "gradient_g": 5.0,
    }
    history.note(report(7.0), {"g": 1.0})
    assert history.close_row(3, {})["loss_x"] == 7.0


def test_accuracy_counts_both_kinds_of_images():
    """Two of three real logits above zero, one of one generated below."""
    history = History()
    history.note(Report({}, torch.tensor([1.0, 2.0, -1.0]), torch.tensor([-3.0])), {})
    assert history.close_row(1, {})["d_accuracy"] == 0.75


def test_examinations_and_figures_of_the_family_are_in_the_row():
    """Beside the losses; figures are means."""
    history = History()
    history.note(Report({}, figures={"x": torch.tensor(1.0)}), {})
    history.note(Report({}, figures={"x": torch.tensor(2.0)}), {})
    assert history.close_row(2, {"score": 0.5}) == {"x": 1.5, "score": 0.5}
    assert history.rows == [{"step": 2.0, "x": 1.5, "score": 0.5}]


def test_a_row_tells_how_many_steps_were_left_out():
    """One of four; the column is absent where there were none."""
    history = History()
    for _ in range(3):
        history.note(report(1.0), {})
    history.skip()
    assert history.close_row(4, {})["skipped"] == 0.25
    history.note(report(1.0), {})
    assert "skipped" not in history.close_row(5, {})


def test_a_monitor_that_goes_on_is_heard_once():
    """And again when it was silent for more than ten rows; a short silence is none."""
    alarms = {1, 2, 3, 10, 25}
    history, heard = History(), []
    for step in range(1, 31):
        history.close_row(step, {})
        heard += spoken(history, step, shouting=lambda rows: rows[-1]["step"] in alarms or None)
    assert [step for step, *_ in heard] == [1, 25]


def test_monitors_see_the_rows_and_are_told_apart():
    """Each is a function of all rows."""
    history = filled(2)
    found = spoken(history, 2, shouting=lambda rows: f"{len(rows)} rows", silent=lambda rows: None)
    assert found == [(2, "shouting", "warn", "2 rows")]


def test_rows_that_were_given_up_are_hidden_from_monitors():
    """They stay in the table; and a monitor may say again what it said of them."""
    history = filled(3)
    assert spoken(history, 3, shouting=lambda rows: f"{len(rows)} rows")
    history.note(report(1.0), {"g": 5.0})
    history.give_up()
    assert history.close_row(4, {}) == {}
    assert spoken(history, 4, shouting=lambda rows: f"{len(rows)} rows")[0][3] == "1 rows"
    assert len(history.rows) == 4


def test_state_survives_the_way_through_json(tmp_path):
    """Also in the middle of a row; and the file is the same, whatever the order of keys."""
    history = filled(2)
    history.findings += history.ask(2, {"shouting": (lambda rows: "x", "warn")})
    history.give_up()
    history.close_row(3, {})
    history.findings += history.ask(3, {"shouting": (lambda rows: "y", "stop")})
    history.note(report(0.1 + 0.2), {"g": 2.0})
    history.skip()
    tensors, facts = history.state()
    again = History.restored(tensors, json.loads(json.dumps(facts, sort_keys=True)))
    for each in (history, again):
        each.note(report(0.7), {"g": 1.0})
        each.close_row(4, {})
        assert each.ask(4, {"shouting": (lambda rows: "z", "warn")}) == []
    assert again == history
    assert [finding.message for finding in again.findings] == ["x", "y"]
    write_rows(tmp_path / "a.csv", history.rows)
    write_rows(tmp_path / "b.csv", again.rows)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_findings_tell_what_was_done(tmp_path):
    """A table; a header alone where nothing was noticed."""
    write_findings(tmp_path / "a.csv", [Finding(7, "exploding", "roll_back", "too fast, slow")])
    header = "step,monitor,action,message\n"
    assert (tmp_path / "a.csv").read_text() == f'{header}7,exploding,roll_back,"too fast, slow"\n'
    write_findings(tmp_path / "a.csv", [])
    assert (tmp_path / "a.csv").read_text() == header


@pytest.mark.parametrize("value", [0.5, 1e-9])
def test_csv_has_whole_steps(tmp_path, value):
    """Six significant digits, and nothing where a row lacks a figure."""
    write_rows(tmp_path / "a.csv", [{"step": 1.0, "b": value}, {"step": 2.0, "a": 1 / 3}])
    assert (tmp_path / "a.csv").read_text() == f"step,a,b\n1,,{value:g}\n2,0.333333,\n"
