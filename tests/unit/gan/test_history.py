"""Rows of figures: means since the row before, and equal files for equal trainings."""

from __future__ import annotations

import json

import pytest
import torch

from pipeline.gan.family import Report
from pipeline.gan.history import History, write_rows


def report(loss, real=0.0):
    """What a step found."""
    return Report({"x": torch.tensor(loss)}, torch.tensor([real]), torch.tensor([-real]))


def test_rows_hold_means_and_greatest_gradients():
    """Of the steps since the row before, and D as a probability."""
    history = History()
    history.note(report(1.0), {"g": 5.0})
    history.note(report(3.0), {"g": 4.0})
    row = history.close_row(2, {})
    assert row == {"loss_x": 2.0, "d_real": 0.5, "d_fake": 0.5, "gradient_g": 5.0}
    history.note(report(7.0), {"g": 1.0})
    assert history.close_row(3, {})["loss_x"] == 7.0


def test_each_monitor_speaks_once():
    """A finding is kept with its step; repeating it every row helps nobody."""
    history = History()
    for step in (1, 2):
        history.note(report(1.0), {})
        history.close_row(step, {"shouting": lambda rows: f"{len(rows)} rows"})
    assert [(f.step, f.monitor, f.message) for f in history.findings] == [(1, "shouting", "1 rows")]


def test_state_survives_the_way_through_json(tmp_path):
    """Also in the middle of a row; and the file is the same, whatever the order of keys."""
    history = History()
    history.note(report(1.0), {"g": 5.0})
    history.close_row(1, {"shouting": lambda rows: "x"})
    history.note(report(0.1 + 0.2), {"g": 2.0})
    tensors, facts = history.state()
    again = History.restored(tensors, json.loads(json.dumps(facts, sort_keys=True)))
    for each in (history, again):
        each.note(report(0.7), {"g": 1.0})
        each.close_row(2, {})
    assert again.rows == history.rows
    assert again.findings == history.findings
    write_rows(tmp_path / "a.csv", history.rows)
    write_rows(tmp_path / "b.csv", again.rows)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("value", [0.5, 1e-9])
def test_csv_has_whole_steps(tmp_path, value):
    """Six significant digits, and nothing where a row lacks a figure."""
    write_rows(tmp_path / "a.csv", [{"step": 1.0, "b": value}, {"step": 2.0, "a": 1 / 3}])
    assert (tmp_path / "a.csv").read_text() == f"step,a,b\n1,,{value:g}\n2,0.333333,\n"
