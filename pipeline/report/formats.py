"""Numbers as a reader sees them, the same on the page and in the study's document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"


def figure(value: object) -> str:
    """A number in three decimals or three significant places, whichever reads better."""
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.3f}" if 0.001 <= abs(value) < 10 or value == 0 else f"{value:.3g}"
    return text.replace("-", MINUS)


def signed(value: float | None) -> str:
    """A difference with its sign."""
    return DASH if value is None else f"{value:+.3f}".replace("-", MINUS)


def change(row: Mapping[str, Any]) -> str:
    """`+0.023 (-0.010 to +0.056)`, without the bracket where no bounds are known."""
    if row["low"] is None:
        return signed(row["difference"])
    return f"{signed(row['difference'])} ({signed(row['low'])} to {signed(row['high'])})"


def percent(share: float) -> str:
    """A level of confidence with the digits that it was given with: `95%`, `99.9%`."""
    return f"{100 * share:.4g}%"


def p_value(value: float | None) -> str:
    """A p-value, without pretending to know very small ones."""
    if value is None:
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def interval(figures: Mapping[str, Any]) -> str:
    """`0.755 (0.712 to 0.801)`, without the bracket where no bounds are known."""
    mean = figures.get("mean", figures.get("value"))
    if figures.get("low") is None or figures.get("high") is None:
        return figure(mean)
    return f"{figure(mean)} ({figure(figures['low'])} to {figure(figures['high'])})"


def span(values: list[Any]) -> str:
    """Whole numbers as `3`, `3 to 5`, or a dash where none is known."""
    known = [int(value) for value in values if value is not None]
    if not known:
        return DASH
    low, high = min(known), max(known)
    return str(low) if low == high else f"{low} to {high}"


def size(name: str, *, sentence: bool = False) -> str:
    """A size of the training part in words.

    Args:
        name: As splits.csv has it: a number of patients, a share of them, or `all`.
        sentence: As it stands within a sentence.
    """
    if name == "all":
        return "all training patients" if sentence else "all"
    if "." in name:
        share = f"{float(name):.0%}"
        return f"{share} of the training patients" if sentence else share
    return f"{name} training patients" if sentence else name


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a table in Markdown."""
    return [
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
        *("| " + " | ".join(map(str, row)) + " |" for row in rows),
    ]


def code(name: str) -> str:
    """A name as Markdown sets it."""
    return f"`{name}`"
