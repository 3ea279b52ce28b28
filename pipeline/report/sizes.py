"""The sizes of the training part that were compared, in the order in which a reader wants them.

A comparison of one size and one of several are read alike: `parts` gives at least one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report import formats

HEADLINE, EXPLORATORY = "headline", "exploratory"


@dataclass(frozen=True)
class Part:
    """The comparison at one size.

    Args:
        name: As splits.csv names it.
        title: For a table.
        phrase: For a sentence.
        content: What comparison.json holds of it, and what it holds of all sizes.
        deciding: Whether it is the size whose verdicts were announced first.
    """

    name: str
    title: str
    phrase: str
    content: Mapping[str, Any]
    deciding: bool

    @property
    def contrasts(self) -> Sequence[Mapping[str, Any]]:
        """The contrasts of the primary metric at this size."""
        found: Sequence[Mapping[str, Any]] = self.content["contrasts"]
        return found


def parts(result: Mapping[str, Any]) -> list[Part]:
    """All sizes, the smallest first and `all` last.

    Args:
        result: The content of comparison.json.
    """
    deciding = headline_size(result)
    common = {key: value for key, value in result.items() if key != "sizes"}
    found: Mapping[str, Any] = result.get("sizes") or {deciding: {}}
    return [
        Part(
            name,
            formats.size(name),
            formats.size(name, sentence=True),
            {**common, **found[name]},
            name == deciding,
        )
        for name in sorted(found, key=_order)
    ]


def headline_size(result: Mapping[str, Any]) -> str:
    """The size that the top level of comparison.json is about."""
    return str(result.get("train_patients", "all"))


def of_family(rows: Sequence[Mapping[str, Any]], family: str) -> list[Mapping[str, Any]]:
    """The contrasts of one family of tests; one that names none was announced beforehand."""
    return [row for row in rows if row.get("family", HEADLINE) == family]


def smallest_gain(row: Mapping[str, Any]) -> float | None:
    """The smallest true difference that a contrast would probably have shown, where it is known."""
    found: float | None = (row.get("power") or {}).get("smallest", row.get("detectable"))
    return found


def _order(name: str) -> tuple[int, float]:
    if name == "all":
        return 2, 0.0
    return (1 if "." in name else 0), float(name)
