"""Training learns, keeps the best average by validation loss, repeats, and says when it is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.classifier import training
from pipeline.classifier.batches import TrainingDiet
from pipeline.classifier.metrics import area_under_curve
from pipeline.classifier.prediction import predict
from pipeline.classifier.small_resnet import SmallResNet
from pipeline.classifier.training import Budget, train
from pipeline.compute import Machine
from pipeline.data import Pool
from pipeline.errors import PipelineError
from pipeline.seeding import seed_initialisation
from tests.labelled_noise import labelled_noise

BUDGET = Budget(steps=30, batch=8, learning_rate=0.02, weight_decay=0.0, evaluate_every=10)


@pytest.fixture
def sets(tmp_path):
    """Training, validation and test images."""
    return [
        labelled_noise(tmp_path / name, [0, 1] * half, seed=seed)
        for seed, (name, half) in enumerate((("train", 12), ("val", 6), ("test", 20)))
    ]


def network(size=(8, 8), **options):
    """A freshly built small network, the same every time."""
    seed_initialisation(0, "test")
    return SmallResNet(1, size, 2, SmallResNet.Options(channels=(4, 8), **options))


def trained(sets, budget=BUDGET, seed=0, **options):
    """A training on the first of the sets."""
    diet = TrainingDiet([Pool(sets[0])])
    return train(network(**options), diet, sets[1], budget, Machine(), seed=seed)


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_learns_what_tells_the_classes_apart(sets, norm):
    """Mean brightness does; the untrained network does not know."""
    probabilities = predict(trained(sets, norm=norm).network, sets[2], Machine())
    assert area_under_curve(sets[2].labels == 1, probabilities[:, 1]) > 0.95


def test_looks_at_validation_rows_as_often_as_asked_and_at_the_end(sets):
    """Evaluations at 10, 20 and the last step, each reported once; every step moves the bar."""
    told = []
    budget = replace(BUDGET, steps=25)
    diet = TrainingDiet([Pool(sets[0])])
    result = train(
        network(),
        diet,
        sets[1],
        budget,
        Machine(),
        seed=0,
        report=lambda steps, figures=None, at=None: told.append((steps, figures, at)),
    )
    assert [row["step"] for row in result.trace] == [10, 20, 25]
    assert [at for _, figures, at in told if figures] == [10, 20, 25]
    assert sum(steps for steps, _, _ in told) == 25


def test_keeps_the_weights_of_the_lowest_validation_loss(sets):
    """The returned network's own validation loss is the least of the trace."""
    result = trained(sets, replace(BUDGET, steps=60, learning_rate=0.2, evaluate_every=5))
    labels = sets[1].labels
    chosen = predict(result.network, sets[1], Machine())[np.arange(len(labels)), labels]
    losses = {row["step"]: row["val_loss"] for row in result.trace}
    assert -np.log(chosen).mean() == pytest.approx(min(losses.values()), rel=1e-5)
    assert losses[result.chosen_step] == min(losses.values())


def test_same_seed_gives_the_same_weights(sets):
    """Equal to the bit, dropout included; another seed differs."""
    first, again, other = (
        trained(sets, seed=seed, dropout=0.5).network.state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_average_moves_by_its_decay():
    """Decay 0 copies, 0.75 goes a quarter of the way, and counters are copied."""
    kept, current = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    nn.init.constant_(kept.weight, 0.0)
    nn.init.constant_(current.weight, 1.0)
    current.num_batches_tracked.fill_(7)
    training._average(kept, current, decay=0.75)
    assert kept.weight.item() == 0.25
    assert kept.num_batches_tracked.item() == 7
    training._average(kept, current, decay=0.0)
    assert kept.weight.item() == 1.0


def test_predictions_do_not_depend_on_the_batch(sets):
    """One image at a time, or all at once."""
    model = trained(sets).network
    whole = predict(model, sets[2], Machine())
    np.testing.assert_allclose(predict(model, sets[2], Machine(), batch=1), whole, atol=1e-6)
    np.testing.assert_allclose(whole.sum(axis=1), 1.0)
    assert predict(model, sets[2].take([]), Machine()).shape == (0, 2)


def test_volumes_are_trained_alike(tmp_path):
    """Three spatial axes, on the way of two."""
    volumes = labelled_noise(tmp_path / "volumes", [0, 1] * 6, size=(6, 6, 6))
    budget = replace(BUDGET, steps=3)
    diet = TrainingDiet([Pool(volumes)])
    result = train(network((6, 6, 6)), diet, volumes, budget, Machine(), seed=0)
    assert predict(result.network, volumes, Machine()).shape == (12, 2)


def test_loss_without_end_is_told_with_what_to_change(sets):
    """A NaN stops the training with one sentence instead of filling the tables."""
    model = network()
    nn.init.constant_(model.head.bias, float("nan"))
    with pytest.raises(PipelineError, match=r"lower classify\.learning_rate"):
        train(model, TrainingDiet([Pool(sets[0])]), sets[1], BUDGET, Machine(), seed=0)
