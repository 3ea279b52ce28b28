"""Trained families on disk, and what a half-done training needs to go on where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline import tensorfile
from pipeline.errors import DataError
from pipeline.gan.family import Family, Shape
from pipeline.registry import FAMILIES


def save_model(path: Path, family: Family, name: str, shape: Shape, facts: Any) -> None:
    """Write a trained family, with what is needed to build it again.

    Args:
        path: A .safetensors file.
        family: Holding the weights to keep.
        name: Its registry name.
        shape: What it was built for.
        facts: More to keep, fit for JSON; must not differ between equal trainings.
    """
    options = family.options.model_dump(mode="json")
    built = {"family": name, "shape": asdict(shape), "options": options}
    tensorfile.save(path, family.networks.state_dict(), {**built, **facts})


def load_model(path: Path) -> tuple[Family, dict[str, Any]]:
    """Build a family again from its file, on the CPU and in evaluation mode, with its facts."""
    weights, facts = tensorfile.load(path, stage="train_gan")
    try:
        kind = FAMILIES.load(facts["family"])
        shape = Shape(**{**facts["shape"], "size": tuple(facts["shape"]["size"])})
        family: Family = kind(shape, kind.Options.model_validate(facts["options"]))
        family.networks.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(path, f"does not fit this version ({reason}); train again") from error
    family.networks.eval().requires_grad_(False)
    return family, facts


def rng_tensors(generators: Mapping[str, torch.Generator]) -> dict[str, Tensor]:
    """The states of generators, and of PyTorch's own that layers such as dropout draw from."""
    states = {f"own.{name}": rng.get_state() for name, rng in generators.items()}
    states["torch"] = torch.get_rng_state()
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_rngs(generators: Mapping[str, torch.Generator], states: Mapping[str, Tensor]) -> None:
    """Put generators back to the states that `rng_tensors` took."""
    for name, rng in generators.items():
        rng.set_state(states[f"own.{name}"])
    torch.set_rng_state(states["torch"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
