"""What is written about images: attribute columns of a manifest as text, and as indicators.

A column speaks if it holds words, few different ones, and not one and the same everywhere. Each of
its values is a level ('Marked Spiculation'). A level that few training rows have cannot be learnt
from them, so it is told as the level that shares the most words with it ('Near Marked
Spiculation'), or not told at all where none does.

As indicators, a level is the bag of its words, each word counted in its own column: that puts
levels that share words ('Ovoid' and 'Ovoid/Round'; 'Marked' and 'Near Marked') nearer to each
other than to the rest, which for graded words is most of their order, without knowing the grades.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import ParameterError
from pipeline.imageset.layout import COLUMNS

MOST_LEVELS = 20
UNTOLD = ""


@dataclass(frozen=True)
class Captions:
    """How rows are told, learnt from training rows.

    Args:
        told: By column, by level as the manifest has it, the level that it is told as; `UNTOLD`
            where it is not.
    """

    told: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(
        cls, manifest: pd.DataFrame, *, columns: Sequence[str], rarest: float, place: str
    ) -> Captions:
        """Learn from training rows which columns speak, and which levels are too rare.

        Args:
            manifest: The training rows'.
            columns: Those to read; all that speak if there are none.
            rarest: Share of the rows that a level needs to be told.
            place: Where `columns` stands in params.yaml, for messages.

        Raises:
            ParameterError: If a column is not there, or none speaks.
        """
        offered = [str(name) for name in manifest if name not in COLUMNS]
        for name in columns:
            if name not in offered:
                there = ", ".join(offered) or "none"
                raise ParameterError(
                    place, f"got {name!r}; the images' attribute columns are: {there}"
                )
        chosen = list(columns) or [name for name in offered if _is_words(manifest[name])]
        told = {name: _merged(_levels(manifest[name]), rarest) for name in chosen}
        # A column that says the same of every row says nothing.
        told = {name: merged for name, merged in told.items() if len(_common(merged)) > 1}
        if not told:
            raise ParameterError(
                place,
                "no attribute column of the images holds words that differ between training rows; "
                "name some in ingest.options.attributes (or in columns here), or take a family "
                "that needs no text, such as conditional",
            )
        return cls(told)

    def read(self, manifest: pd.DataFrame) -> pd.DataFrame:
        """The levels that rows are told by, a row an image and a column an attribute.

        Levels that the training rows did not have are not told.
        """
        return pd.DataFrame(
            {
                name: [merged.get(level, UNTOLD) for level in _levels(manifest[name])]
                for name, merged in self.told.items()
            }
        )

    def vocabulary(self) -> tuple[tuple[str, str], ...]:
        """(column, word) for every word that tells levels of its column apart, in order."""
        found = []
        for name, merged in self.told.items():
            spoken = [set(words(level)) for level in _common(merged)]
            known = sorted(set().union(*spoken))
            found += [(name, word) for word in known if not all(word in level for level in spoken)]
        return tuple(found)


def words(level: str) -> tuple[str, ...]:
    """The words of a level in lower case; a slash and a blank part them, a hyphen does not."""
    return tuple(re.findall(r"[^\s/,;_]+", level.casefold()))


def sentence(levels: Mapping[str, str], *, label: str) -> str:
    """Write a row's text, e.g. `malign, marked spiculation, solid texture`.

    Args:
        levels: By column; what is not told is left out.
        label: The row's class.
    """
    parts = [label.casefold()]
    for name, level in levels.items():
        if level != UNTOLD:
            column = " ".join(words(name))
            named = set(words(name)) <= set(words(level))
            parts.append(level.casefold() if named else f"{level.casefold()} {column}")
    return ", ".join(parts)


def indicators(levels: pd.DataFrame, vocabulary: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
    """Which words of the vocabulary rows are told, (N, words) of 0 and 1, NaN if nothing is told.

    Args:
        levels: As `Captions.read` gives them.
        vocabulary: As `Captions.vocabulary` gives it.
    """
    told = np.full((len(levels), len(vocabulary)), np.nan)
    for place, (name, word) in enumerate(vocabulary):
        has = {level: float(word in words(level)) for level in levels[name].unique()}
        has[UNTOLD] = np.nan
        told[:, place] = levels[name].map(has)
    return told


def _levels(column: pd.Series) -> list[str]:
    return [UNTOLD if pd.isna(value) else str(value).strip() for value in column]


def _is_words(column: pd.Series) -> bool:
    """Whether a column holds words rather than numbers, and few different ones."""
    levels = set(_levels(column)) - {UNTOLD}
    return 0 < len(levels) <= MOST_LEVELS and not any(map(_is_number, levels))


def _is_number(level: str) -> bool:
    try:
        float(level)
    except ValueError:
        return False
    return True


def _merged(levels: Sequence[str], rarest: float) -> dict[str, str]:
    """By level, what it is told as."""
    counts = Counter(level for level in levels if level != UNTOLD)
    # Ties go to the commoner level, then to the first by name, whatever the rows' order.
    ordered = sorted(counts, key=lambda level: (-counts[level], level))
    common = [level for level in ordered if counts[level] >= rarest * len(levels)]
    return {
        level: level if level in common else _nearest(level, common) for level in sorted(ordered)
    }


def _common(merged: Mapping[str, str]) -> set[str]:
    return {*merged.values()} - {UNTOLD}


def _nearest(level: str, common: Sequence[str]) -> str:
    """The level with the largest share of words in common (Jaccard), if there is any."""
    own = set(words(level))

    def alike(other: str) -> float:
        theirs = set(words(other))
        return len(own & theirs) / max(1, len(own | theirs))

    best = max(common, key=alike, default=UNTOLD)
    return best if best != UNTOLD and alike(best) > 0 else UNTOLD
