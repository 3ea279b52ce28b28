"""What the page about a study says of its synthetic images: are they good, are they copies?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.report import formats


def fidelity(found: Mapping[str, Any]) -> list[str]:
    """Each figure with its floor in brackets, a table for each extractor and group of images.

    Args:
        found: From `quality.fidelity`.
    """
    lines = [
        "",
        "## Fidelity",
        "",
        "In brackets what images of held-out patients reach on as many images: no generator can be"
        " expected to do better.",
    ]
    for extractor in found["extractors"]:
        for group in extractor["groups"]:
            name = "all classes" if group["name"] == "all" else group["name"]
            rows = [(row["title"], *map(_with_floor, row["cells"])) for row in group["rows"]]
            lines += ["", f"{extractor['title']}, {name}:", ""]
            lines += formats.table(("figure", *map(formats.code, found["families"])), rows)
    return lines


def copies(found: Mapping[str, Any]) -> list[str]:
    """The findings, and the figures behind them.

    Args:
        found: From `copies.copies`.
    """
    lines = [
        "",
        "## Is it a copy?",
        "",
        "The rate of false alarms is that of one model: of many models, so many are flagged by"
        " chance.",
        "",
    ]
    for each in found["families"]:
        lines += [
            f"- `{each['family']}` ({finding['models']}): {finding['words']}"
            for finding in each["findings"]
        ]
    families = [formats.code(each["family"]) for each in found["families"]]
    near = [
        (row["title"], *(_against(cell["share"], cell["expected"]) for cell in row["cells"]))
        for row in found["spaces"]
    ]
    lines += [
        "",
        "Share of synthetic images nearer to a training image than almost all held-out ones are"
        " (in square brackets what fresh patients would give):",
        "",
        *formats.table(("compared in", *families), near),
    ]
    told = [
        (row["title"], *(formats.interval(cell["auc"]) for cell in row["cells"]))
        for row in found["membership"]
    ]
    if told:
        lines += ["", "Telling who was trained on, area under the ROC curve (0.5 is guessing):", ""]
        lines += formats.table(("attack", *families), told)
    return lines


def _with_floor(cell: Mapping[str, Any]) -> str:
    error = f" ± {formats.figure(cell['error'])}" if cell["error"] is not None else ""
    floor = f" ({formats.figure(cell['floor'])})" if cell["floor"] is not None else ""
    return f"{formats.figure(cell['value'])}{error}{floor}"


def _against(share: Mapping[str, Any], expected: float | None) -> str:
    return f"{formats.interval(share)} [{formats.figure(expected)}]"
