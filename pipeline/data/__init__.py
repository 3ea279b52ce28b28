"""Real and synthetic images in a training of one's own: PyTorch, MONAI or scikit-learn.

    from pipeline import data

    synthetic = data.open("exports/conditional/nifti", like=real)   # an ImageSet
    loader = data.mix(real, synthetic, ratio=1.0, batch=64, steps=1000, seed=0)

docs/in-code.md shows the five lines for each library. To add a way to hand images over: a file
here, and its names in `_HOMES`. What a name needs is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.data.arrays import Arrays, RealTestFolds, sklearn_arrays
    from pipeline.data.dictionaries import monai_items
    from pipeline.data.leaks import LeakWarning, check_leaks
    from pipeline.data.mixing import ShareSampler, mix
    from pipeline.data.opening import open_images as open  # noqa: A004
    from pipeline.data.pools import (
        BatchSampler,
        Dataset,
        Pool,
        batch_counts,
        class_frequencies,
        uniform_batches,
    )

# Name -> module and attribute; no module here may bear one of these names. By name, so that a stage
# which draws batches depends on that alone.
_HOMES = {
    "Arrays": ("arrays", "Arrays"),
    "BatchSampler": ("pools", "BatchSampler"),
    "Dataset": ("pools", "Dataset"),
    "LeakWarning": ("leaks", "LeakWarning"),
    "Pool": ("pools", "Pool"),
    "RealTestFolds": ("arrays", "RealTestFolds"),
    "ShareSampler": ("mixing", "ShareSampler"),
    "batch_counts": ("pools", "batch_counts"),
    "check_leaks": ("leaks", "check_leaks"),
    "class_frequencies": ("pools", "class_frequencies"),
    "mix": ("mixing", "mix"),
    "monai_items": ("dictionaries", "monai_items"),
    "open": ("opening", "open_images"),
    "sklearn_arrays": ("arrays", "sklearn_arrays"),
    "uniform_batches": ("pools", "uniform_batches"),
}

__all__ = [
    "Arrays",
    "BatchSampler",
    "Dataset",
    "LeakWarning",
    "Pool",
    "RealTestFolds",
    "ShareSampler",
    "batch_counts",
    "check_leaks",
    "class_frequencies",
    "mix",
    "monai_items",
    "open",
    "sklearn_arrays",
    "uniform_batches",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
