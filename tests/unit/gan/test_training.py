"""The loop's guards, rates and records, on a family small enough to know by heart."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import nn

from pipeline.compute import Machine
from pipeline.errors import ParameterError
from pipeline.gan import optimisers
from pipeline.gan.family import Batch, Phase, Report, TrainingOptions
from pipeline.gan.training import Session, train


class Line:
    """One weight w, minimised as w itself; the gradient is 1 or what the test says."""

    Options = TrainingOptions
    conditional: ClassVar[bool] = True
    batches = "plain"

    def __init__(self, spoil=lambda calls: 1.0, **options):
        self.options = TrainingOptions(batch=1, ema=0.0, betas=(0.0, 0.0), **options)
        self.networks = nn.ModuleDict({"g": nn.Linear(1, 1, bias=False)})
        nn.init.zeros_(self.networks["g"].weight)
        self.calls, self.spoil, self.repeats = 0, spoil, 1

    def phases(self, step):
        """One kind of step, `repeats` times."""
        return (Phase("fall", ("g",), repeats=self.repeats),)

    def loss(self, phase, batch, rng):
        """The weight itself."""
        self.calls += 1
        logits = torch.tensor([0.0])
        weight = self.networks["g"].weight.sum()
        return Report({"fall": weight * self.spoil(self.calls)}, logits, logits)

    def sample(self, given, rngs):
        """Never asked for."""
        raise AssertionError

    @property
    def weight(self):
        """The one weight."""
        return self.networks["g"].weight.item()


class Nothing:
    """A feed of nothing."""

    def draw(self, rng):
        """An empty batch."""
        return Batch(torch.zeros(1, dtype=torch.long))


def run(family, tmp_path, heard=None, seen=None):
    """Train; `heard` collects reports and `seen` the steps of previews."""
    session = Session(
        "line",
        "train_gan.options.line",
        1,
        Machine(),
        tmp_path,
        lambda *report: None if heard is None else heard.append(report),
        lambda step, _: None if seen is None else seen.append(step),
    )
    return train(family, Nothing(), session)


def test_each_step_moves_by_the_learning_rate(tmp_path):
    """Adam without momentum steps by the sign of the gradient times the rate."""
    family = Line(steps=10, learning_rate=0.5)
    run(family, tmp_path)
    assert family.weight == pytest.approx(-5.0, rel=1e-4)


def test_phases_repeat(tmp_path):
    """Three steps a round, five rounds."""
    family = Line(steps=5, learning_rate=0.5)
    family.repeats = 3
    run(family, tmp_path)
    assert family.calls == 15
    assert family.weight == pytest.approx(-7.5, rel=1e-4)


def test_one_bad_step_is_left_out(tmp_path):
    """A gradient that is not a number does not reach the weights."""
    family = Line(lambda calls: float("nan") if calls == 4 else 1.0, steps=10, learning_rate=0.5)
    run(family, tmp_path)
    assert family.weight == pytest.approx(-4.5, rel=1e-4)


def test_divergence_is_one_sentence(tmp_path):
    """A training that stays infinite stops with the parameter and the step."""
    family = Line(lambda calls: float("inf") if calls > 5 else 1.0, steps=100)
    with pytest.raises(ParameterError, match=r"options\.line\.learning_rate: .* at step 25"):
        run(family, tmp_path)
    assert torch.isfinite(torch.tensor(family.weight))


def test_reports_every_step_and_figures_sometimes(tmp_path):
    """The bar moves by one a step; figures come with D(x), D(G(z)), losses and gradients."""
    heard: list[tuple] = []
    end = run(Line(steps=100), tmp_path, heard)
    assert [steps for steps, _, _ in heard] == [1] * 100
    figures = [figures for _, figures, _ in heard if figures]
    assert len(figures) == len(end.history.rows) == 50
    assert {"d_real": 0.5, "d_fake": 0.5, "gradient_g": 1.0}.items() <= figures[-1].items()
    assert "loss_fall" in figures[-1]
    assert end.history.rows[-1]["step"] == 100


def test_previews_come_in_quarters(tmp_path):
    """Four of them, the last after the last step."""
    seen: list[int] = []
    run(Line(steps=100), tmp_path, seen=seen)
    assert seen == [25, 50, 75, 100]


def test_gradients_are_clipped_on_request(tmp_path):
    """The history tells the norm before clipping."""
    options = {"steps": 50, "clip": 1.0}
    end = run(Line(lambda calls: 40.0, **options), tmp_path)
    assert end.history.rows[0]["gradient_g"] == pytest.approx(40.0)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.2), (50, 0.2), (75, 0.1), (99, 0.004)])
def test_rates_decay_linearly_to_zero(step, expected):
    """From half of 100 steps on."""
    options = TrainingOptions(steps=100, learning_rate=0.2, decay_from=0.5)
    assert optimisers.rate("g", step, options) == pytest.approx(expected)


def test_rates_may_differ_by_network(tmp_path):
    """A network's own rate wins; a rate for no network is an error."""
    options = TrainingOptions(learning_rate=0.2, learning_rates={"d": 0.4})
    assert [optimisers.rate(name, 0, options) for name in "gd"] == [0.2, 0.4]
    with pytest.raises(ParameterError, match=r"learning_rates\.d: is no network"):
        run(Line(learning_rates={"d": 0.4}), tmp_path)
