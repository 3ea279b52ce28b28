"""The loop's guards, rates and records, on a family small enough to know by heart."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest
import torch
from torch import nn

from pipeline.compute import Machine
from pipeline.errors import ParameterError
from pipeline.gan import optimisers, training
from pipeline.gan.family import Batch, Phase, Report, TrainingOptions
from pipeline.gan.training import Session, train


class Line:
    """One weight w, minimised as w itself; the gradient is 1 or what the test says."""

    Options = TrainingOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "plain"
    makes_masks: ClassVar[bool] = False

    def __init__(self, spoil=lambda calls: 1.0, **options):
        self.options = TrainingOptions(**{"batch": 1, "ema": 0.0, "betas": (0.0, 0.0), **options})
        self.networks = nn.ModuleDict({"g": nn.Linear(1, 1, bias=False)})
        nn.init.zeros_(self.networks["g"].weight)
        self.calls, self.spoil, self.repeats = 0, spoil, 1
        self.followed = []

    def phases(self, step):
        """One kind of step, `repeats` times."""
        return (Phase("fall", ("g",), repeats=self.repeats),)

    def loss(self, phase, batch, rng):
        """The weight itself."""
        self.calls += 1
        logits = torch.tensor([0.0])
        weight = self.networks["g"].weight.sum()
        return Report({"fall": weight * self.spoil(self.calls)}, logits, logits)

    def after_step(self, phase, report):
        """Remember the step."""
        self.followed.append(self.calls)

    def sample(self, given, rngs):
        """Never asked for."""
        raise AssertionError

    @property
    def weight(self):
        """The one weight."""
        return self.networks["g"].weight.item()


class Nothing:
    """A diet of nothing."""

    def draw(self, rng):
        """An empty batch."""
        torch.rand(1, generator=rng)
        return Batch(torch.zeros(1, dtype=torch.long))


class Alarm:
    """A monitor that shouts at the steps that a test names."""

    def __init__(self, steps, action):
        self.steps, self.action = steps, action

    def __call__(self, history):
        """Shout."""
        return "fire" if history and history[-1]["step"] in self.steps else None


@pytest.fixture
def alarm(monkeypatch):
    """Puts one alarm in the place of all monitors."""

    def put(steps, action):
        monkeypatch.setattr(
            training, "_monitors", lambda options: {"alarm": (Alarm(steps, action), action)}
        )

    put((), "warn")
    return put


def run(family, tmp_path, heard=None, seen=None, examine=None):
    """Train; `heard` collects reports and `seen` the steps and weights of previews."""

    def preview(step, shown):
        if seen is not None:
            seen.append((step, shown.networks["g"].weight.item()))

    session = Session(
        "line",
        "train_gan.options.line",
        1,
        Machine(),
        tmp_path,
        lambda *report: None if heard is None else heard.append(report),
        preview,
        examine,
    )
    return train(family, Nothing(), session)


def told(end):
    """Findings without their messages."""
    return [(each.step, each.monitor, each.action) for each in end.history.findings]


def weight_of(trained):
    """The weight that was kept."""
    return trained.family.networks["g"].weight.item()


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
    """A gradient that is not a number reaches neither weights nor the family; its row tells."""
    family = Line(lambda calls: math.nan if calls == 4 else 1.0, steps=10, learning_rate=0.5)
    end = run(family, tmp_path)
    assert family.weight == pytest.approx(-4.5, rel=1e-4)
    assert family.followed == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert {row["step"]: row["skipped"] for row in end.history.rows if "skipped" in row} == {4: 1.0}


def test_a_bad_batch_leaves_no_statistics_behind(tmp_path):
    """Batch statistics of an overflow would make every later sample NaN."""
    family = Line(steps=10)
    norm = family.networks["norm"] = nn.BatchNorm1d(1, affine=False)
    own = family.loss

    def loss(*arguments):
        report = own(*arguments)
        spoilt = family.calls == 4
        seen = norm(torch.full((2, 1), math.inf if spoilt else 1.0)).sum()
        return Report({"fall": report.terms["fall"] + seen * (1.0 if spoilt else 0.0)})

    family.loss = loss
    end = run(family, tmp_path)
    assert end.family.networks["norm"].running_mean.item() == pytest.approx(1.0, abs=0.7)


def test_divergence_is_one_sentence(tmp_path):
    """What stays infinite from the start is tried four times, each at half the rate, then told."""
    family = Line(lambda calls: math.inf if (calls - 1) % 26 > 4 else 1.0, steps=200)
    with pytest.raises(ParameterError, match=r"options\.line\.learning_rate: .* at step 103"):
        run(family, tmp_path)
    assert math.isfinite(family.weight)


def test_divergence_goes_back_to_what_was_good(tmp_path, alarm):
    """After step 50, the last look, come 21 infinite steps; then it goes on at half the rate."""
    spoil = lambda calls: math.inf if 55 < calls <= 76 else 1.0  # noqa: E731
    family = Line(spoil, steps=100, examinations=2, learning_rate=0.5)
    end = run(family, tmp_path)
    assert told(end) == [(75, "exploding", "roll_back")]
    # 50 whole steps until the look, and 24 halves after step 76.
    assert family.weight == pytest.approx(-25.0 - 0.25 * 24, rel=1e-4)
    assert (end.step, end.score) == (100, None)


def test_steps_left_out_are_no_good_to_go_back_to(tmp_path, alarm):
    """A look amid infinite steps keeps nothing; the last good weights are of the look before."""
    spoil = lambda calls: math.inf if 45 < calls <= 66 else 1.0  # noqa: E731
    family = Line(spoil, steps=100, examinations=4, learning_rate=0.5)
    end = run(family, tmp_path)
    assert told(end) == [(65, "exploding", "roll_back")]
    assert family.weight == pytest.approx(-12.5 - 0.25 * 34, rel=1e-4)


def test_an_alarm_rolls_back_to_the_last_good_weights(tmp_path, alarm):
    """From step 30 to the look at 25, then on at half the rate; momentum goes back as well."""
    alarm((30,), "roll_back")
    family = Line(steps=40, examinations=8, learning_rate=0.5, betas=(0.9, 0.99))
    end = run(family, tmp_path)
    assert told(end) == [(30, "alarm", "roll_back")]
    assert family.weight == pytest.approx(-12.5 - 0.25 * 10, rel=1e-4)


def test_without_examinations_there_are_good_weights_too(tmp_path, alarm):
    """They are taken as often as by default, of every eighth part."""
    alarm((30,), "roll_back")
    family = Line(steps=40, examinations=0, learning_rate=0.5)
    run(family, tmp_path, examine=lambda family: {"score": 0.0})
    assert family.weight == pytest.approx(-12.5 - 0.25 * 10, rel=1e-4)


def test_a_fourth_alarm_stops(tmp_path, alarm):
    """Three times it is tried again, each time at half the rate, and the finding says what was."""
    alarm((6, 7, 8, 9), "roll_back")
    family = Line(steps=40, learning_rate=0.5)
    heard: list[tuple] = []
    end = run(family, tmp_path, heard)
    assert [action for _, _, action in told(end)] == ["roll_back"] * 3 + ["stop"]
    assert family.calls == 9
    assert sum(steps for steps, *_ in heard) == 40
    # Back at step 5, the last good one.
    assert (end.step, weight_of(end)) == (5, pytest.approx(-2.5, rel=1e-4))


def test_a_stop_keeps_the_best_weights(tmp_path, alarm):
    """Those that scored best before, whatever the score of those at the alarm."""
    alarm((20,), "stop")
    scores = iter([3.0, 1.0, 2.0, 0.0])
    end = run(
        Line(steps=40, learning_rate=0.5), tmp_path, examine=lambda _: {"score": next(scores)}
    )
    assert told(end) == [(20, "alarm", "stop")]
    assert (end.step, end.score) == (10, 1.0)
    assert weight_of(end) == pytest.approx(-5.0, rel=1e-4)


def test_a_warning_changes_nothing(tmp_path, alarm):
    """It is written down, and training goes on."""
    alarm((20,), "warn")
    family = Line(steps=40, learning_rate=0.5)
    end = run(family, tmp_path)
    assert told(end) == [(20, "alarm", "warn")]
    assert weight_of(end) == pytest.approx(-20.0, rel=1e-4)


class CutError(Exception):
    """The machine went off."""


@pytest.mark.parametrize("action", ["warn", "roll_back", "stop"])
def test_resumes_to_the_same_bits_after_an_alarm(tmp_path, alarm, monkeypatch, action):
    """Cut off at every step; two of the roll-backs go to the same weights and momentum."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    alarm((13, 14, 22), action)
    options = {"steps": 24, "examinations": 4, "betas": (0.9, 0.99), "ema": 0.9}

    def make():
        family = Line(**options)
        family.spoil = lambda calls: 1.0 + family.weight
        return family

    def falling(family):
        return {"score": family.networks["g"].weight.item()}

    whole = run(make(), tmp_path / "whole", examine=falling)
    (tmp_path / "cut").mkdir()

    class Cut(list):
        def append(self, report):
            super().append(report)
            # After a resume the first report tells of the steps already done.
            if len(self) == 2 and len(report) == 3:
                raise CutError

    resumed = None
    for _ in range(50):
        try:
            resumed = run(make(), tmp_path / "cut", heard=Cut(), examine=falling)
            break
        except CutError:
            pass
    assert resumed is not None
    assert resumed.history.rows == whole.history.rows
    assert resumed.history.findings == whole.history.findings
    assert len(whole.history.findings) == (3 if action == "roll_back" else 1)
    assert (resumed.step, resumed.score) == (whole.step, whole.score)
    assert weight_of(resumed) == weight_of(whole)


def test_reports_every_step_and_figures_sometimes(tmp_path):
    """The bar moves by one a step; figures come with D(x), D(G(z)), losses and gradients."""
    heard: list[tuple] = []
    end = run(Line(steps=100, examinations=4), tmp_path, heard)
    assert [steps for steps, _, _ in heard] == [1] * 100
    figures = [figures for _, figures, _ in heard if figures]
    # Every other step, and the first and third look, which are at odd ones.
    assert len(figures) == len(end.history.rows) == 52
    assert {"d_real": 0.5, "d_fake": 0.5, "gradient_g": 1.0}.items() <= figures[-1].items()
    assert "loss_fall" in figures[-1]
    assert end.history.rows[-1]["step"] == 100


def test_examinations_reach_whoever_listens(tmp_path):
    """Their figures are in the report of their step, as those of the rows are."""
    heard: list[tuple] = []
    found = {"score": 1.0, "diversity_0": 0.5, "near_training": 0.1}
    run(Line(steps=10, examinations=2), tmp_path, heard, examine=lambda _: found)
    told = {at: figures for _, figures, at in heard if "score" in (figures or {})}
    assert set(told) == {5, 10}
    assert found.items() <= told[5].items()


def test_previews_come_in_quarters_and_of_what_is_kept(tmp_path):
    """Four of them as the weights then were, and one of the best weights, not of the last."""
    seen: list[tuple] = []
    scores = iter([2.0, 1.0, 3.0, 4.0])
    family = Line(steps=100, examinations=4, learning_rate=0.5)
    run(family, tmp_path, seen=seen, examine=lambda _: {"score": next(scores)})
    assert [step for step, _ in seen] == [25, 50, 75, 100, None]
    assert [weight for _, weight in seen] == pytest.approx([-12.5, -25, -37.5, -50, -25], rel=1e-4)


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


def test_monitors_do_what_the_options_say():
    """A chosen action wins over the monitor's own, and an ignored monitor is not asked."""
    chosen = training._monitors(TrainingOptions(monitors={"exploding": "stop"}))
    assert chosen["exploding"][1] == "stop"
    assert chosen["lost_equilibrium"][1] == "warn"
    assert "exploding" not in training._monitors(TrainingOptions(monitors={"exploding": "ignore"}))
