"""Tensors by name and a JSON document of facts in one safetensors file: nothing is ever unpickled.

A file is written beside its place and renamed over it, so that a kill at any moment leaves the old
or the new one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.errors import DataError

# One key only: safetensors writes several in an order that differs from process to process.
_FACTS = "facts"


def save(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors and facts (fit for JSON), with the same bytes for the same content."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    save_file(whole, beside, metadata={_FACTS: json.dumps(facts, sort_keys=True)})
    beside.replace(path)


def load(path: Path, *, stage: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save` wrote.

    Args:
        path: The file.
        stage: The stage that makes it, to name where it has to be made again.

    Raises:
        DataError: If the file is missing or is not one of ours.
    """
    if not path.exists():
        raise DataError(path, f"is missing; run the stage {stage}")
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[_FACTS])
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        reason = f"is damaged or of another kind ({error}); delete it, then run {stage}"
        raise DataError(path, reason) from error
