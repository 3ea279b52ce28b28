"""A new family, source or recipe: its file, its line in the registry and its tests."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from pipeline.scaffold.parts import PARTS
from pipeline.scaffold.writing import filled, write


def run(root: Path, kind: str, name: str, console: Console | None = None) -> None:
    """Write the part and say what to do next.

    Args:
        root: The project's root.
        kind: `family`, `source` or `recipe`.
        name: In snake_case.
        console: Where to print; the terminal unless given.

    Raises:
        DataError: If the name is not allowed or taken; nothing is written then.
    """
    written = write(root, kind, name)
    lines = [
        "Written:",
        *(f"  {path}" for path in written),
        "Next:",
        *(f"  {filled(line, name)}" for line in PARTS[kind].after),
    ]
    told = console or Console(highlight=False)
    for line in lines:
        told.print(line, markup=False, soft_wrap=True)
