"""What is fitted to a fold's training rows once, for all that measure against that fold.

Every family is judged by the same embedding and the same probes. They depend on the fold alone, so
the first that asks fits them and leaves the weights beside other half-done work; a key of all that
they depend on, the program included, keeps that true.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pipeline import augment, classifier, fidelity, tensorfile
from pipeline.compute import Machine, locked, program_hashes, resume_directory
from pipeline.imageset import ImageSet

Fit = Callable[[], Mapping[str, Tensor]]


def kept(
    name: str,
    fit: Fit,
    *,
    sets: Sequence[ImageSet],
    facts: Mapping[str, Any],
    machine: Machine,
) -> tuple[dict[str, Tensor], bool]:
    """Take fitted tensors from where they were left, or fit them and leave them there.

    Args:
        name: What is fitted.
        fit: Fits it; must be determined by all the other arguments.
        sets: The rows that it sees.
        facts: What else it depends on, fit for JSON.
        machine: Where it is fitted.

    Returns:
        The tensors, and whether they had been fitted before.
    """
    directory = resume_directory("fitted", name)
    path = directory / f"{_key(sets, facts, machine)}.safetensors"
    with locked(path.with_suffix("")):
        known = path.exists()
        if not known:
            tensorfile.save(path, fit(), {})
        return tensorfile.load(path, stage="assess")[0], known


def _key(sets: Sequence[ImageSet], facts: Mapping[str, Any], machine: Machine) -> str:
    parts: dict[str, Any] = {
        "facts": dict(facts),
        "machine": [machine.device, machine.threads, machine.precision, torch.__version__],
        "windows": [each.meta.window for each in sets],
        "rows": [
            each.manifest[["image_id", "label", "spacing_mm", "sha256"]].to_csv(index=False)
            for each in sets
        ],
        "program": program_hashes(augment, classifier, fidelity),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
