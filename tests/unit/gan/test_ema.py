"""The weights' average against its closed form."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.gan.ema import Average, decay_at


def networks(value):
    """One weight, and a batch normalisation with its statistics."""
    made = nn.ModuleDict({"g": nn.Linear(1, 1, bias=False), "n": nn.BatchNorm1d(1)})
    nn.init.constant_(made["g"].weight, value)
    made["n"].running_mean.fill_(value)
    return made


def test_decay_warms_up():
    """0.1 at once, (1 + t) / (10 + t) later, and the longest in the end."""
    assert decay_at(0, 0.998) == pytest.approx(0.1)
    assert decay_at(90, 0.998) == pytest.approx(0.91)
    assert decay_at(10**6, 0.998) == 0.998


def test_follows_with_the_decay():
    """After one update from 0 to 1: one minus the decay, for weights and for statistics."""
    average = Average(networks(0.0), 0.5)
    average.update(networks(1.0), step=0)
    assert average.networks["g"].weight.item() == pytest.approx(0.9)
    assert average.networks["n"].running_mean.item() == pytest.approx(0.9)


def test_no_decay_is_no_average():
    """With 0 the average is the networks."""
    average = Average(networks(0.0), 0.0)
    average.update(networks(3.0), step=50)
    assert average.networks["g"].weight.item() == 3.0


def test_copies_counters_and_needs_no_gradient():
    """Whole numbers are not averaged; the copy is in evaluation mode."""
    source = networks(1.0)
    source["n"].num_batches_tracked.fill_(7)
    average = Average(networks(0.0), 0.9)
    average.update(source, step=0)
    assert average.networks["n"].num_batches_tracked.item() == 7
    assert not average.networks.training
    assert not any(parameter.requires_grad for parameter in average.networks.parameters())
    assert torch.is_grad_enabled()
