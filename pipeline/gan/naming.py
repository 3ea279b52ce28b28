"""What the files of a trained model are called."""

from __future__ import annotations

import hashlib
import re

ALL = "all"


def file_name(label: str | None) -> str:
    """Name a model after the one class that it knows, or `all`, safely for any file system.

    Args:
        label: The class, or None for a model of all classes. Different classes get different
            names.
    """
    if label is None:
        return ALL
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", label)[:40]
    if safe == label and label.lower() != ALL:
        return label
    return f"{safe}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
