"""A classifier from its name and options, or again from its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from pipeline import tensorfile
from pipeline.errors import DataError
from pipeline.registry import CLASSIFIERS
from pipeline.seeding import seed_initialisation


def build(
    model: str, options: Mapping[str, Any], shape: tuple[int, ...], classes: int, *, seed: int
) -> nn.Module:
    """Build a classifier with weights that depend on the seed alone.

    Args:
        model: Its registry name.
        options: Its options, unchecked.
        shape: (C, *spatial) of an image.
        classes: Number of classes.
        seed: Determines the initial weights.
    """
    kind = CLASSIFIERS.load(model, "classify.model")
    checked = kind.Options.model_validate(options)
    seed_initialisation(seed)
    network: nn.Module = kind(shape[0], tuple(shape[1:]), classes, checked)
    return network


def load_classifier(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Build a classifier again from `classifiers/<arm>/<job>.safetensors`.

    Returns:
        The network, in evaluation mode on the CPU, and the facts: `model`, `options`, `shape`,
        `classes` (names in the order of its logits), `window`, `chosen_step`.
    """
    tensors, facts = tensorfile.load(path, stage="classify")
    try:
        shape, classes = tuple(facts["shape"]), len(facts["classes"])
        network = build(facts["model"], facts["options"], shape, classes, seed=0)
        network.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(path, f"does not fit this version ({reason}); classify again") from error
    return network.eval(), facts
