"""JSON files of figures: the same bytes for the same content, and an error in words for others."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import DataError


def write(path: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """Write a document with its figures `rounded`, and return it as it will be read back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rounded(document), indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    written: dict[str, Any] = json.loads(text)
    return written


def read(path: Path) -> dict[str, Any]:
    """Read a file of figures.

    Raises:
        DataError: If it is no JSON, or no table.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(path, f"is not readable as JSON ({error}); run its stage again") from error
    if not isinstance(content, dict):
        raise DataError(path, "holds no table of figures; run its stage again")
    return content


def rounded(value: Any) -> Any:
    """Round to six significant digits, which hides the last bits; what is not finite is null."""
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
