"""Which of these patients a foreign generator was trained on, and where its images may be used.

A generator that saw a patient brings that patient into every training set that its images enter.
So in a fold that tests the patient they may not be used. Identifiers stay in this process: what is
returned and said holds pseudonyms alone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import ELSEWHERE, UNKNOWN
from pipeline.errors import DataError, LeakError
from pipeline.imageset import ImageSet
from pipeline.splits import PARTS, Splits, fold_name

LISTED = "listed"
_NAMED = 5
_HEADINGS = frozenset(
    f"{whom}{ending}"
    for whom in ("patient", "subject", "case", "participant")
    for ending in ("", "s", "id", "identifier")
) | {"id", "pid"}


@dataclass(frozen=True)
class Provenance:
    """What is known of the patients that a generator saw.

    Args:
        kind: `unknown`, `elsewhere` or `listed`.
        listed: How many patients are listed.
        patients: Pseudonyms of those among them that are in this data set.
    """

    kind: str
    listed: int = 0
    patients: frozenset[str] = frozenset()

    def sentence(self, name: str) -> str:
        """Say it."""
        if self.kind == UNKNOWN:
            return (
                f"Which patients the generator of {name} was trained on is unknown. If test "
                "patients were among them, its arms look better than they are."
            )
        if self.kind == ELSEWHERE:
            return f"The generator of {name} is declared to have seen none of these patients."
        return (
            f"The generator of {name} saw {self.listed} listed patients, of whom "
            f"{len(self.patients)} are in this data set; none of them is tested where its images "
            "are trained on."
        )


def read(
    trained_on: str, path: Path, images: ImageSet, pseudonyms: Callable[[], Mapping[str, str]]
) -> Provenance:
    """Find out which patients of this data set a generator saw.

    Args:
        trained_on: `unknown`, `elsewhere`, or the list's name, below `path` or beside the file.
        path: The set.
        images: All real images.
        pseudonyms: Tells the pseudonym of every identifier in the scans; asked only if needed.

    Raises:
        DataError: If the list is missing, empty, or of several columns none of which is known to
            hold the patients.
    """
    if trained_on in (UNKNOWN, ELSEWHERE):
        return Provenance(trained_on)
    listed = _listed((path if path.is_dir() else path.parent) / trained_on)
    # Somebody who trained on this pipeline's own images knows the pseudonyms alone. One text may be
    # both; whoever it may be counts as seen.
    ours = frozenset(images.manifest["patient_id"]) & listed
    if ours != listed:
        plain = {_plain(each) for each in listed}
        ours |= {made for raw, made in pseudonyms().items() if _plain(raw) in plain}
    return Provenance(LISTED, len(listed), ours & frozenset(images.manifest["patient_id"]))


def check_known(seen: Iterable[Provenance]) -> None:
    """Refuse lists that name patients, but not one of this data set.

    Raises:
        DataError: If so: identifiers written in another way would pass for patients unseen.
    """
    told = [each for each in seen if each.kind == LISTED]
    if told and not any(each.patients for each in told):
        raise DataError(
            "trained_on",
            f"lists {max(each.listed for each in told)} patients, none of whom is in these scans; "
            "write them as the scans do, or say `elsewhere` if the generator saw none of these",
        )


def check(
    name: str, seen: Provenance, images: ImageSet, splits: Splits, repeat: int, fold: int
) -> dict[str, int]:
    """Refuse a generator that saw test patients of a fold.

    Returns:
        How many of a fold's patients it saw, by part; nothing is seen of `test`.

    Raises:
        LeakError: Naming pseudonyms, and what to do.
    """
    patient_of = images.manifest.set_index("image_id")["patient_id"]
    rows = splits.frame[splits.frame["repeat"].eq(repeat) & splits.frame["fold"].eq(fold)]
    patients = rows["image_id"].map(patient_of)
    # By group: near-duplicates of a seen patient's images were seen too.
    groups = set(rows.loc[patients.isin(seen.patients), "group_id"])
    found = {
        part: sorted(
            patients[rows["part"].eq(part) & rows["group_id"].isin(groups)].dropna().unique()
        )
        for part in PARTS
    }
    if tested := found["test"]:
        more = ", ..." if len(tested) > _NAMED else ""
        raise LeakError(
            f"synthesize.external.{name}: the generator saw {len(tested)} of the test patients of "
            f"{fold_name(repeat, fold)} ({', '.join(tested[:_NAMED])}{more}), so its images may "
            "not be trained on there. Give a set for each fold, as folders r0f0, r0f1, ... below "
            "its path, each from a generator trained without that fold's test patients and with "
            "its own list; or use split.scheme: holdout or official with test patients that it "
            "has not seen"
        )
    return {part: len(each) for part, each in found.items()}


def set_of_fold(path: Path, repeat: int, fold: int) -> Path:
    """The set of a fold: `r0f0` or `r0f0.npz` below the path where there are such, else all of it.

    Raises:
        DataError: If other folds have a set of their own and this one has none.
    """
    name = fold_name(repeat, fold)
    for own in (path / name, path / f"{name}.npz"):
        if own.exists():
            return own
    if path.is_dir() and any(path.glob("r[0-9]*f[0-9]*")):
        raise DataError(path, f"has sets for single folds, but none for {name}; add it")
    return path


def list_for(trained_on: str, path: Path, own: Path) -> Path:
    """Where a fold's list lies: in its own folder, or else beside all of them."""
    return own if own.is_dir() and (own / trained_on).is_file() else path


def identifiers(trained_on: str, path: Path) -> tuple[str, ...]:
    """What a list holds, to be kept out of every message; nothing where there is no list."""
    if trained_on in (UNKNOWN, ELSEWHERE):
        return ()
    return tuple(sorted(_listed((path if path.is_dir() else path.parent) / trained_on)))


def _listed(path: Path) -> frozenset[str]:
    if not path.is_file():
        raise DataError(path.name, "the list of training patients is not below the set's path")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
        separator = max(",;\t", key=text.partition("\n")[0].count)
        lines = csv.reader(text.splitlines(), delimiter=separator)
        rows = [row for row in lines if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error):
        raise DataError(path.name, "is not a CSV table in UTF-8") from None
    heading = [re.sub(r"[\W_]", "", cell.lower()) for cell in rows[0]] if rows else []
    named = [place for place, cell in enumerate(heading) if cell in _HEADINGS]
    if not named and len(heading) > 1:
        raise DataError(
            path.name,
            "has several columns, and which one holds the patients is not clear; name it "
            "`patient_id`, or give that column alone",
        )
    place = named[0] if named else 0
    cells = [row[place].strip() for row in rows[bool(named) :] if len(row) > place]
    if not any(cells):
        raise DataError(path.name, "lists no patient; say `trained_on: elsewhere` if there is none")
    return frozenset(filter(None, cells))


def _plain(identifier: str) -> str:
    """Without what tables do to identifiers: capitals, and of numbers the point and zeros before.

    Two patients may become one, such as 12 and 0012: whoever it may be counts as seen.
    """
    plain = identifier.strip().casefold()
    number = plain.removesuffix(".0")
    return (number.lstrip("0") or "0") if number.isdigit() else plain
