"""Which files a path holds, by what is in them rather than by what they are called.

File names stay in `Contents`, in memory: what is shown are counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pipeline.errors import DataError
from pipeline.sources.pictures import SUFFIXES

# More files than these are told of, and not opened.
MOST = 20_000
_NIFTI = (".nii", ".nii.gz", ".hdr")
_FOREIGN = frozenset({".nrrd", ".nhdr", ".mha", ".mhd", ".mat", ".zip", ".tar", ".gz", ".svs"})
_SET = ("meta.json", "images.npy", "manifest.csv")
_PREAMBLE = 128
_WORDS = {"foreign": "formats that no source reads"}


@dataclass(frozen=True)
class Contents:
    """The files of a path.

    Args:
        root: The directory.
        kinds: `dicom`, `nifti`, `picture`, `npz`, `table`, `foreign` (scans in a format that no
            source reads) or `other` -> paths relative to `root`, sorted, with forward slashes.
        beyond: Whether there are more files than were looked at.
        single: Whether the path was one file.
    """

    root: Path
    kinds: dict[str, list[str]] = field(default_factory=dict)
    beyond: bool = False
    single: bool = False

    def of(self, kind: str) -> list[str]:
        """The files of one kind."""
        return self.kinds.get(kind, [])

    def counts(self) -> str:
        """How many files of each kind, in words."""
        found = Counter({_WORDS.get(kind, kind): len(files) for kind, files in self.kinds.items()})
        said = ", ".join(f"{kind} {count}" for kind, count in found.most_common())
        return said + (f"; the first {MOST} only" if self.beyond else "")


def look(path: Path) -> Contents:
    """Sort the files of a directory, or one file, by kind.

    Raises:
        DataError: If there is nothing at the path.
    """
    if path.is_file():
        return Contents(path.parent, {kind_of(path): [path.name]}, single=True)
    if not path.is_dir():
        raise DataError("PATH", "there is no such file or directory; check its spelling")
    found: dict[str, list[str]] = {}
    files = (each for each in path.rglob("*") if each.is_file() and not _hidden(each, path))
    names = list(islice(files, MOST + 1))
    for name in names[:MOST]:
        found.setdefault(kind_of(name), []).append(name.relative_to(path).as_posix())
    if not found:
        raise DataError("PATH", "holds no files")
    kinds = {kind: sorted(files) for kind, files in found.items()}
    return Contents(path, kinds, beyond=len(names) > MOST)


def is_image_set(path: Path) -> bool:
    """Whether a directory is an ImageSet, as the stages exchange them."""
    return all((path / name).is_file() for name in _SET)


def kind_of(path: Path) -> str:
    """Tell the kind of one file."""
    name = path.name.lower()
    if name.endswith(_NIFTI):
        return "nifti"
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return "picture"
    if suffix in (".npz", ".csv", ".tsv"):
        return "npz" if suffix == ".npz" else "table"
    if suffix in (".dcm", ".dicom", ".ima") or (_is_dicom(path) and name != "dicomdir"):
        return "dicom"
    return "foreign" if suffix in _FOREIGN else "other"


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(_PREAMBLE + 4)[_PREAMBLE:] == b"DICM"
    except OSError:
        return False


def _hidden(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)
