"""Small inputs for sources, a file each with `AXES` and `make(path, axes) -> Input`.

The contract tests in tests/contracts/test_sources.py read every one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import config
from pipeline.registry import SOURCES
from pipeline.sources.source import Target


@dataclass(frozen=True)
class Input:
    """A small input for one source.

    Args:
        source: Its name in the registry.
        axes: Spatial axes of the images to make.
        path: Where it lies.
        labels: Labels of the sound scans.
        broken: How many scans are broken.
        options: The source's options.
    """

    source: str
    axes: int
    path: Path
    labels: tuple[str, ...]
    broken: int
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, ...]:
        """*spatial to ask for: sides that differ."""
        return (12, 10, 6)[: self.axes]

    def open(self, seed: int = 3, window=None):
        """A fresh source over the input."""
        options = config.options_of(SOURCES, self.source, self.options, "ingest.options")
        return SOURCES.load(self.source)(self.path, options, Target(self.size, window, seed))
