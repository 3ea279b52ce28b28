"""Train a classifier on a diet for a fixed number of steps.

The budget is the same whatever the diet: more images never mean more steps. What is kept is the
exponential average of the weights with the lowest validation loss of those looked at. The loss
uses every validation row's probability, so a few dozen rows rank checkpoints far more steadily
than they do by accuracy, and averaged weights leave less to choose between: the choice can hardly
overfit them. The rule is the same for every diet.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from pipeline.classifier.batches import TrainingDiet, Transform, batches
from pipeline.classifier.prediction import laid_out, predict, to_device
from pipeline.compute import Machine, Report, autocast
from pipeline.errors import PipelineError
from pipeline.imageset import ImageSet
from pipeline.seeding import seed_initialisation


@dataclass(frozen=True)
class Budget:
    """How much a classifier is trained, equal for all diets that are compared.

    Args:
        steps: Optimiser steps.
        batch: Images a step.
        learning_rate: Peak of the one-cycle schedule.
        weight_decay: AdamW's.
        evaluate_every: Steps between two looks at the validation rows.
        averaging: Decay of the average of weights at each step; 0 keeps the weights themselves.
        mixup_alpha: Parameter of mixup's Beta distribution; greater mixes more.
    """

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    evaluate_every: int
    averaging: float = 0.98
    mixup_alpha: float = 0.4


@dataclass(frozen=True)
class Trained:
    """A trained classifier.

    Args:
        network: The chosen weights, in evaluation mode.
        chosen_step: The step that they were seen at.
        trace: One row an evaluation: `step, train_loss, val_loss, val_accuracy`.
    """

    network: nn.Module
    chosen_step: int
    trace: Sequence[dict[str, float]]


def train(
    network: nn.Module,
    diet: TrainingDiet,
    validation: ImageSet,
    budget: Budget,
    machine: Machine,
    *,
    seed: int,
    transform: Transform | None = None,
    report: Report | None = None,
) -> Trained:
    """Minimise cross entropy with AdamW under a one-cycle learning rate.

    Args:
        network: Images (N, C, *spatial) to logits (N, K), freshly initialised.
        diet: What it is trained on.
        validation: Rows that choose among checkpoints and do nothing else.
        budget: Steps, batch and optimiser.
        machine: Device and precision.
        seed: Determines the batches, their augmentation and dropout.
        transform: Online augmentation; needed if a pool of the diet asks for it.
        report: Hears each step, and the figures of each evaluation.

    Raises:
        PipelineError: If the loss is no longer finite.

    Sources: Loshchilov and Hutter 2019, arXiv:1711.05101 (AdamW); Smith and Topin 2018,
    arXiv:1708.07120 (one cycle).
    """
    seed_initialisation(seed, "dropout")
    network = laid_out(network, validation.spatial_dims).to(machine.device).train()
    averaged = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=budget.learning_rate, weight_decay=budget.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, budget.learning_rate, total_steps=max(budget.steps, 2)
    )
    scaler = torch.amp.GradScaler(machine.device, enabled=machine.precision == "fp16")
    drawn = batches(
        diet,
        batch=budget.batch,
        steps=budget.steps,
        mixup_alpha=budget.mixup_alpha,
        seed=seed,
        transform=transform,
    )
    choice, losses = _Choice(validation, machine), []
    for step, (images, targets) in enumerate(drawn, start=1):
        with autocast(machine):
            logits = network(to_device(images, machine))
        loss = F.cross_entropy(logits.float(), targets.to(machine.device))
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
        _average(averaged, network, decay=min(budget.averaging, step / (step + 9)))
        losses.append(loss.detach())
        if report is not None:
            report(1)
        if step % budget.evaluate_every == 0 or step == budget.steps:
            figures = choice.consider(averaged, step, float(torch.stack(losses).mean()))
            losses = []
            if report is not None:
                report(0, figures, at=step)
    return choice.made(averaged)


class _Choice:
    """The average with the lowest validation loss so far."""

    def __init__(self, validation: ImageSet, machine: Machine) -> None:
        self._validation = validation
        self._machine = machine
        self._trace: list[dict[str, float]] = []
        self._best = math.inf
        self._step = 0
        self._weights: dict[str, torch.Tensor] = {}

    def consider(self, network: nn.Module, step: int, train_loss: float) -> dict[str, float]:
        probabilities = predict(network, self._validation, self._machine)
        labels = self._validation.labels
        of_truth = probabilities[np.arange(len(labels)), labels]
        figures = {
            "train_loss": train_loss,
            "val_loss": float(-np.log(np.maximum(of_truth, 1e-12)).mean()),
            "val_accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
        }
        if not all(math.isfinite(value) for value in figures.values()):
            raise PipelineError(
                f"classify: the loss is not finite at step {step}; lower classify.learning_rate "
                "in params.yaml, or use compute.precision: fp32"
            )
        self._trace.append({"step": float(step), **figures})
        if figures["val_loss"] < self._best:
            self._best, self._step = figures["val_loss"], step
            self._weights = copy.deepcopy(network.state_dict())
        return figures

    def made(self, network: nn.Module) -> Trained:
        network.load_state_dict(self._weights)
        return Trained(network.eval(), self._step, self._trace)


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, *, decay: float) -> None:
    """Move the average towards the network: its weights and its norms' statistics."""
    current = network.state_dict()
    for name, value in averaged.state_dict().items():
        if value.is_floating_point():
            value.lerp_(current[name], 1.0 - decay)
        else:
            value.copy_(current[name])
