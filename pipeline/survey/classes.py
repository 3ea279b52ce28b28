"""Class names: counted always, shown only where they are words of medicine or numbers.

Folders and columns that are taken for classes may be patients. Nobody can tell `Nevus` from
`Nemec` by its form, so that a name outside of the vocabulary is shown when it is asked for only.
To have more names shown: a word in `pipeline.sources.vocabulary`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from pipeline.sources.vocabulary import are_words

MOST = 30
_ILL = re.compile(r"malign|cancer|carcinoma|positive|\bpos\b|diseased?$|abnormal|tumou?r|yes|true")


@dataclass(frozen=True)
class Classes:
    """The classes that were found.

    Args:
        counts: Images, or what stands for them, by class name.
        told_by: `folders`, `table` or what else.
        published: Whether the names are those of a published set, and so nobody's.
    """

    counts: Counter[str]
    told_by: str
    published: bool = False

    @property
    def names(self) -> list[str]:
        """In the order in which ingest puts them."""
        return sorted(self.counts)

    def may_show(self, *, all_names: bool = False) -> bool:
        """Whether names may be shown: asked for, published, or words."""
        return all_names or self.published or are_words(self.names)

    def shown(self, *, all_names: bool = False) -> str:
        """Names, or numbers instead of them, each with its count."""
        plain = self.may_show(all_names=all_names)
        parts = [
            f"{name if plain else f'class {number}'} {self.counts[name]}"
            for number, name in enumerate(self.names, 1)
        ]
        hint = "" if plain else "; names withheld, as they may be patients' (--show-classes)"
        listed = ", ".join(parts[:MOST]) + (", ..." if len(parts) > MOST else "")
        return f"{len(parts)} by {self.told_by}: {listed}{hint}"

    def positive(self, *, all_names: bool = False) -> str | None:
        """The class that sounds like the one to detect, of two; None if neither or both do."""
        if len(self.counts) != 2 or not self.may_show(all_names=all_names):
            return None
        ill = [name for name in self.names if _ILL.search(name.lower())]
        return ill[0] if len(ill) == 1 else None
