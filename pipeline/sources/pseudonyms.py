"""Nothing that identifies a patient leaves ingest: pseudonyms, scrubbed reasons, a last guard.

Sources promise that labels, attributes and reasons name nobody. This file does not rely on it.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from pipeline.errors import DataError, ParameterError
from pipeline.imageset import COLUMNS
from pipeline.seeding import numpy_rng
from pipeline.sources.source import Scan

PART = "official_part"
# Shorter identifiers, as the patients `1` to `90` of many tables, equal harmless values by chance.
SHORTEST = 4
SHORTEST_WITHIN = 5
# Folders' names that reasons use as words; scrubbing them would leave no sentence.
_ORDINARY = frozenset({
    "data", "file", "files", "folder", "image", "images", "label", "labels",
    "mask", "masks", "scan", "scans", "series", "slice", "slices", "table", "train",
    "test", "valid", "volume", "volumes",
})  # fmt: skip
_IDENTIFYING_NAMES = (
    "patientname", "patientid", "patientsname", "birth", "address", "telephone", "phone",
    "institution", "hospital", "physician", "accession", "insurance", "surname", "firstname",
)  # fmt: skip
_DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d([-./]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([-./])(?:0?[1-9]|1[0-2])\2(?:19|20)\d\d)(?!\d)"
)


class Pseudonyms:
    """Raw patient identifiers -> `p0001`, ...: the same for the same data and seed.

    Numbers are drawn, not counted up, so that they do not tell the order of the identifiers.

    Args:
        capacity: The most patients that can occur.
        seed: The root seed.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        self._numbers = numpy_rng(seed, "ingest", "patients").permutation(capacity)
        self._width = max(4, len(str(capacity)))
        self._known: dict[str, str] = {}
        self._used = 0

    def of(self, patient: str | None) -> str:
        """The pseudonym of a patient; a scan without one (None) is a patient of its own."""
        if patient is not None and patient in self._known:
            return self._known[patient]
        pseudonym = f"p{self._numbers[self._used] + 1:0{self._width}d}"
        self._used += 1
        if patient is not None:
            self._known[patient] = pseudonym
        return pseudonym

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The raw identifiers met so far; never to be written."""
        return tuple(self._known)


def scrubbed(reason: str, *identifiers: str, places: Sequence[str] = ()) -> str:
    """Take identifiers and dates out of a sentence.

    Args:
        reason: The sentence.
        identifiers: Keys and patients, whose parts must not show either where they are paths.
        places: Directories, which must not show as a whole.
    """
    parts = {place for place in places if len(place) >= SHORTEST}
    for identifier in identifiers:
        parts |= _parts(identifier)
    for part in sorted(parts, key=lambda part: (-len(part), part)):
        reason = re.sub(re.escape(part), "...", reason, flags=re.IGNORECASE)
    return " ".join(_DATE.sub("...", reason).split())


def check_names(attributes: Mapping[str, object]) -> None:
    """Refuse attribute columns that a manifest already has or whose name says who someone is.

    Raises:
        ParameterError: If a column may not be copied; the message names it.
    """
    for name in attributes:
        plain = re.sub(r"[^a-z]", "", name.lower())
        if name in (*COLUMNS, PART):
            raise ParameterError(
                "ingest.options", f"the attribute {name!r} is a column of every manifest; rename it"
            )
        if any(word in plain for word in _IDENTIFYING_NAMES):
            raise ParameterError(
                "ingest.options",
                "an attribute's name says that it identifies patients; take it out of attributes",
            )


def check_values(scan: Scan, item: str) -> None:
    """Refuse a label or an attribute that repeats an identifier of its scan, or holds a date.

    Raises:
        DataError: If a value identifies; the message names the column and not the value.
    """
    patient, key = (_plain(text) for text in (scan.patient or "", scan.key))
    patients = {patient, *map(_plain, scan.identifiers)}
    if _repeats(scan.label, patients, {*patients, key}):
        raise DataError(
            item,
            "its label repeats a patient or a file; choose another label column, or name class "
            "folders by their class",
        )
    path = PurePath(key.replace("\\", "/"))
    for name, value in scan.attributes.items():
        dated = isinstance(value, datetime.date) or _DATE.search(_plain(value)) is not None
        if dated or _repeats(value, {*patients, path.name, path.stem}, {*patients, key}):
            what = "holds a date" if dated else "repeats a patient or a file"
            raise DataError(
                item, f"its attribute {name!r} {what}; take it out of the source's attributes"
            )


def _repeats(value: object, equal: Iterable[str], within: Iterable[str]) -> bool:
    """Whether a value is one of some texts, or has one of others in it."""
    text = _plain(value)
    if any(len(identifier) >= SHORTEST and identifier == text for identifier in equal):
        return True
    # `Doe_Jane` repeats DOE^JANE; of numbers the signs inside matter.
    letters = _letters(text)
    return isinstance(value, str) and any(
        len(identifier) >= SHORTEST_WITHIN
        and (identifier in text or ("^" in identifier and _letters(identifier) in letters))
        for identifier in within
    )


def _letters(text: str) -> str:
    return re.sub(r"[\W\d_]+", "", text)


def _plain(value: object) -> str:
    """A value as lower-case text; a table may have made numbers with a point of identifiers."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().lower()


def _parts(identifier: str) -> set[str]:
    """The text whole, its path's parts and stems, and words of those that hold a digit."""
    parts = {identifier}
    for part in re.split(r"[/\\]", identifier):
        parts |= {part, PurePath(part).stem if part else ""}
        parts |= {word for word in re.split(r"[\W_]+", part) if re.search(r"\d", word)}
    stripped = {part.strip() for part in parts if len(part.strip()) >= SHORTEST}
    return {part for part in stripped if part.lower() not in _ORDINARY}
