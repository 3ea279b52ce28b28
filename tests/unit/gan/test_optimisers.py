"""State of optimisers: what is put back is a copy, and nothing else stays."""

from __future__ import annotations

import torch
from torch import nn

from pipeline.gan import optimisers
from pipeline.gan.family import TrainingOptions


def stepped(count):
    """An optimiser of one weight after some steps."""
    networks = nn.ModuleDict({"g": nn.Linear(1, 1, bias=False)})
    optimiser = optimisers.build(networks, TrainingOptions(), "options")["g"]
    step(optimiser, count)
    return optimiser


def step(optimiser, count):
    """Step with a gradient of one."""
    (weight,) = optimiser.param_groups[0]["params"]
    for _ in range(count):
        weight.grad = torch.ones_like(weight)
        optimiser.step()


def test_what_was_kept_does_not_move_with_the_optimiser():
    """Counters included, which go up in place: one state serves two roll-backs."""
    optimiser = stepped(3)
    kept = {name: tensor.clone() for name, tensor in optimisers.state(optimiser).items()}
    before = {name: tensor.clone() for name, tensor in kept.items()}
    optimisers.restore(optimiser, kept)
    step(optimiser, 2)
    assert all(torch.equal(kept[name], before[name]) for name in before)
    assert optimisers.state(optimiser)["0.step"].item() == 5.0


def test_a_network_that_was_not_trained_yet_has_no_momentum_left():
    """Back to before its first step, it starts anew."""
    optimiser = stepped(3)
    optimisers.restore(optimiser, {})
    assert optimisers.state(optimiser) == {}
