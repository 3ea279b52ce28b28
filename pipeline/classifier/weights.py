"""A trained classifier on disk: safetensors with what is needed to build it again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.errors import DataError
from pipeline.registry import CLASSIFIERS
from pipeline.seeding import seed_initialisation

# One key only: safetensors writes several in an order that differs from process to process.
_FACTS = "facts"


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


def save(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors and facts (fit for JSON) so that a kill leaves the old file or the new."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    save_file(whole, beside, metadata={_FACTS: json.dumps(facts, sort_keys=True)})
    beside.replace(path)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save` wrote.

    Raises:
        DataError: If the file is missing or is not one of ours.
    """
    if not path.exists():
        raise DataError(path, "is missing; run the stage classify")
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[_FACTS])
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise DataError(path, f"is damaged or of another kind ({error})") from error


def load_classifier(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Build a classifier again from `classifiers/<arm>/<job>.safetensors`.

    Returns:
        The network, in evaluation mode on the CPU, and the facts: `model`, `options`, `shape`,
        `classes` (names in the order of its logits), `window`, `chosen_step`.
    """
    tensors, facts = load(path)
    try:
        shape, classes = tuple(facts["shape"]), len(facts["classes"])
        network = build(facts["model"], facts["options"], shape, classes, seed=0)
        network.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(path, f"does not fit this version ({reason}); classify again") from error
    return network.eval(), facts
