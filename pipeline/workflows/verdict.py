"""The result in the terminal: the table of arms, the verdicts, and where to look."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.errors import DataError
from pipeline.report import formats, sizes, wording

SHOWN = ("auc", "sensitivity", "specificity", "accuracy")
WITH_INTERVAL = 2
COLOURS = {"helps": "green", "harms": "red", "equivalent": "blue", "no evidence": "yellow"}


def run(root: Path, console: Console | None = None, *, as_json: bool = False) -> None:
    """Print what metrics/comparison.json says.

    Args:
        root: The project's root.
        console: Where to print; the terminal unless given.
        as_json: Print what `plain` gives instead of tables and sentences.

    Raises:
        DataError: If there is no comparison yet, or it is not readable.
    """
    path = root / "metrics/comparison.json"
    if not path.exists():
        raise DataError(path, "is missing; run `dvc repro` first")
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        page = render(result)
        text = json.dumps(plain(result), indent=2, ensure_ascii=False) if as_json else ""
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(path, f"is not a comparison ({error}); run `dvc repro` again") from error
    # Where there is no terminal, e.g. in a log file, a table that fits 80 columns would wrap.
    width = shutil.get_terminal_size((110, 40)).columns
    told = console or Console(width=max(width, 80), highlight=False)
    if as_json:
        told.print(text, markup=False, soft_wrap=True)
    else:
        told.print(page)


def plain(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a machine wants of comparison.json: figures and verdicts, the deciding size first."""
    parts = sorted(sizes.parts(result), key=lambda part: not part.deciding)
    return {
        "primary": result["primary"],
        "baseline": result["baseline"],
        "demonstration": bool(result.get("demonstration")),
        "note": result.get("note", ""),
        "sizes": [
            {
                "train_patients": part.name,
                "decides": part.deciding,
                "arms": part.content["arms"],
                "contrasts": list(part.contrasts),
            }
            for part in parts
        ],
    }


def render(result: Mapping[str, Any]) -> RenderableType:
    """Lay out the content of comparison.json."""
    parts: list[RenderableType] = [_table(result), Text(_units(result), style="dim"), Text()]
    # What was asked comes before what was only looked at.
    asked = sorted(result["contrasts"], key=lambda row: row.get("family") != "headline")
    parts += [Text("\N{BULLET} " + row["sentence"], style=COLOURS[row["verdict"]]) for row in asked]
    others = [part for part in sizes.parts(result) if not part.deciding]
    if others:
        parts += [Text(), _other_sizes(others)]
    if result.get("demonstration"):
        warning = wording.size_warning(result["demonstration_reasons"])
        parts += [Text(), Text(warning, style="bold")]
    if result.get("note"):
        parts.append(Text(result["note"], style="bold"))
    parts += [Text(), Text(_where(), style="dim")]
    return Group(*parts)


def _table(result: Mapping[str, Any]) -> Table:
    primary = result["primary"]
    metrics = [primary, *(name for name in SHOWN if name != primary)]
    table = Table(box=box.SIMPLE_HEAD, title="What each classifier was trained on, and how it did")
    table.add_column("arm", no_wrap=True)
    for name in metrics:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for arm in result.get("order", result["arms"]):
        style = "bold" if arm == result["baseline"] else ""
        table.add_row(arm, *_cells(result["arms"][arm], metrics), style=style)
    alone = result.get("covariates", {})
    if alone:
        table.add_section()
    for name, figures in alone.items():
        # On two lines, because a wider first column would cut off figures in 100 columns.
        title = wording.covariate(name, separator="\n")
        table.add_row(title, *_cells(figures, metrics), style="italic dim")
    share = formats.percent(result["confidence"])
    table.caption = f"mean (low\N{EN DASH}high), {share} intervals; {result['baseline']} in bold"
    return table


def _other_sizes(parts: Sequence[sizes.Part]) -> Table:
    """What was asked beforehand, at the sizes that do not decide."""
    table = Table(box=box.SIMPLE_HEAD, title="The same comparisons at other sizes of training part")
    for name in ("training patients", "arm", "against", "difference", "verdict"):
        table.add_column(name, justify="right" if name == "difference" else "left")
    for part in parts:
        for row in sizes.of_family(part.contrasts, sizes.HEADLINE):
            verdict = Text(row["verdict"], style=COLOURS[row["verdict"]])
            table.add_row(part.title, row["arm"], row["against"], formats.change(row), verdict)
    return table


def _cells(figures: Mapping[str, Any], metrics: Sequence[str]) -> list[str]:
    shown = [_interval(figures[name]) for name in metrics[:WITH_INTERVAL]]
    return shown + [_number(figures[name]["mean"]) for name in metrics[WITH_INTERVAL:]]


def _interval(figure: Mapping[str, float | None]) -> str:
    mean, low, high = (_number(figure[key]) for key in ("mean", "low", "high"))
    return f"{mean} ({low}\N{EN DASH}{high})"


def _number(value: float | None) -> str:
    """Three decimals, without the zero before the point; a dash where nothing is defined."""
    return "\N{EN DASH}" if value is None else f"{value:.3f}".replace("0.", ".", 1)


def _units(result: Mapping[str, Any]) -> str:
    units = result["units"]
    counted = ", ".join(_count(units[name], name) for name in ("patients", "images"))
    runs = " x ".join(_count(units[name], name) for name in ("repeats", "folds", "seeds"))
    positive = result.get("positive_class")
    ending = f"; sensitivity is for {positive}" if positive else ""
    decides = result["primary"].replace("_", " ")
    return f"Tested on {counted}; {runs}{ending}. The {decides} decides, as fixed beforehand."


def _count(number: int, plural: str) -> str:
    return f"{number} {plural.removesuffix('s') if number == 1 else plural}"


def _where() -> str:
    return (
        "The page: report/index.html (make report). Every run: make ui. "
        "Figures: metrics/comparison.json. Synthetic images: exports/"
    )
