"""The stage `report`: everything that the other stages left -> report/index.html."""

from __future__ import annotations

from pathlib import Path

from pipeline import tracking
from pipeline.config import Params
from pipeline.report.page import render


def run(params: Params, root: Path, tracker: tracking.Run) -> None:
    """Write report/index.html.

    Args:
        params: All parameters.
        root: The project's root.
        tracker: Gets the page.

    Raises:
        DataError: If a file of an earlier stage is there but malformed.
    """
    path = root / "report/index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(params, root), encoding="utf-8")
    tracker.artifact(path, "report")
