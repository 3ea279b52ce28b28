"""Open any set of images as an ImageSet: our own as it is, every other format through a copy.

The copy is made once, image by image, in a cache directory: by default below `$XDG_CACHE_HOME`, or
`~/.cache`, in `gan-augmentation`, and never beside the set, which DVC may watch. Its name follows
from the files of the set and from what was asked, so that a changed set is converted again. Beside
its images `changes.json` says what was done to how many, and which could not be used.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipeline import jsonfile
from pipeline.errors import DataError, PipelineError
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.readers.fitting import Fitting, Wanted, fitted
from pipeline.readers.imageset import trained_on
from pipeline.readers.reader import About, Reader, Record, open_reader
from pipeline.sources.source import Broken
from pipeline.splits import parse_fold

PATIENT = "synthetic"
MAX_BROKEN = 0.1
# Of the copies: one more whenever the readers read something else out of the same files.
VERSION = 2


class BrokenImagesWarning(UserWarning):
    """Some images of a set could not be read and were left out."""


def open_images(
    path: Path | str,
    *,
    like: ImageSet | None = None,
    fold: str | None = None,
    kind: str | None = None,
    classes: Mapping[str, str] | None = None,
    unit: str | None = None,
    window: tuple[float, float] | None = None,
    origin: str = PATIENT,
    everything: bool = False,
    cache: Path | str | None = None,
) -> ImageSet:
    """Open a set of images; `Dataset(...)` makes it a PyTorch dataset.

    Args:
        path: An ImageSet, which is opened as it is, or an export of this pipeline, or another
            generator's images: .npz, NIfTI, DICOM or pictures.
        like: Bring images to the shape, unit, type and classes of this set.
        fold: Only images whose generator learnt from this fold's training rows, e.g. `r0f1`.
        kind: The format (`registry.READERS`); None goes by what lies there.
        classes: The set's class names -> those wanted.
        unit: Unit of the pixels, where the set does not say it.
        window: Values that are black and white, where the set does not say them.
        origin: What the manifest says of where the images come from.
        everything: Images that selection refused, too; by default they are left out.
        cache: Directory for the copy; see the module.

    Returns:
        The images; `root` tells where they lie. The column `trained_on` has each image's fold.

    Raises:
        DataError: If the set cannot be read, more than one image in ten is broken, or none is left.
            A `BrokenImagesWarning` names what is broken otherwise.
    """
    path = Path(path)
    is_ours = (path / "meta.json").is_file() and kind in (None, "imageset")
    if is_ours and like is None and not classes:
        return _of_fold(_chosen(ImageSet.open(path), everything), fold)
    reader = open_reader(path, kind)
    about = _about(reader, unit, window)
    wanted = _wanted(path, reader, about, like, classes or {})
    asked = [str(VERSION), str(wanted), str(about), origin]
    target = _cache(cache) / f"{path.stem}-{_key(path, asked)}"
    if not (target / "meta.json").exists():
        _convert(path, reader, about, wanted, origin, target)
    _warn_of_broken(path, target)
    return _of_fold(_chosen(ImageSet.open(target), everything), fold)


def _chosen(images: ImageSet, everything: bool) -> ImageSet:
    """The images that selection did not refuse."""
    chosen = images.manifest["selected"].eq(1).to_numpy(bool)
    if everything or chosen.all():
        return images
    if not chosen.any():
        raise DataError(images.root, "has no selected image; everything=True opens the refused")
    return images.take(chosen)


def _of_fold(images: ImageSet, fold: str | None) -> ImageSet:
    """The images of one fold, whichever generator of it made them."""
    if fold is None:
        return images
    told = trained_on(images)
    rows = [name == fold or name.startswith(f"{fold}g") for name in told]
    if not any(rows):
        known = ", ".join(sorted(set(told))) or "none"
        raise DataError(images.root, f"has no image trained on {fold}, only on {known}")
    return images.take([row for row, chosen in enumerate(rows) if chosen])


def _about(reader: Reader, unit: str | None, window: tuple[float, float] | None) -> About:
    about = reader.about()
    unit, window = unit or about.unit, window or about.window
    if unit is None and window is not None:
        unit = "intensity"
    return replace(about, unit=unit, window=window)


def _wanted(
    path: Path,
    reader: Reader,
    about: About,
    like: ImageSet | None,
    classes: Mapping[str, str],
) -> Wanted:
    """What images are brought to: another set's, else what the first image has."""
    if like is not None:
        return Wanted(like.meta, like.shape, like.dtype, about.masks, classes)
    if about.window is None or about.unit is None:
        problem = "does not say which values are black and white; give window=(low, high)"
        raise DataError(path, problem)
    labels, first = set[str](), None
    for found in reader.records():
        if isinstance(found, Record):
            first = first or found
            labels.add(classes.get(found.label, found.label))
            if about.classes is not None:
                break
    if first is None:
        raise DataError(path, "holds no image that can be read")
    known = about.classes or sorted(labels)
    named = tuple(dict.fromkeys(classes.get(label, label) for label in known))
    count = len(first.image)
    told = about.channels if about.channels is not None and len(about.channels) == count else None
    meta = Meta(
        named,
        told or (("grey",) if count == 1 else tuple(f"channel {n + 1}" for n in range(count))),
        about.unit,
        about.window,
        about.orientation[: first.image.ndim - 1] if about.orientation != "image" else "image",
        about.positive_class if about.positive_class in named else None,
        about.note,
    )
    return Wanted(meta, first.image.shape, about.dtype, about.masks, classes)


def _convert(
    path: Path, reader: Reader, about: About, wanted: Wanted, origin: str, target: Path
) -> None:
    """Write the set, and put it in its place once it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    broken: list[Broken] = []
    half = Path(tempfile.mkdtemp(prefix="half-", dir=target.parent))
    name = path.stem if parse_fold(path.stem) else ""
    try:
        fitting = Fitting(wanted, about)
        with ImageSetWriter(
            half,
            wanted.meta,
            capacity=len(reader),
            shape=wanted.shape,
            dtype=wanted.dtype,
            masks=wanted.masks,
        ) as writer:
            for number, found in fitted(reader, fitting):
                if isinstance(found, Broken):
                    broken.append(found)
                    continue
                found = replace(found, trained_on=found.trained_on or name)
                add(writer, found, f"{origin}-{number:05d}", origin)
        if len(broken) > MAX_BROKEN * len(reader):
            raise DataError(path, _told(len(broken), len(reader), broken[0].key, broken[0].reason))
        items = [{"item": each.key, "reason": each.reason} for each in broken]
        done = {"tried": len(reader), "changed": fitting.changes, "broken": items}
        jsonfile.write(half / "changes.json", done)
        if not (target / "meta.json").exists():  # another process may have been faster
            shutil.rmtree(target, ignore_errors=True)
            half.rename(target)
    except PipelineError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(path, str(error)) from None
    finally:
        shutil.rmtree(half, ignore_errors=True)


def add(writer: ImageSetWriter, record: Record, image_id: str, origin: str) -> None:
    """Append a record to a set, as an image of no patient."""
    writer.add(
        record.image,
        image_id=image_id,
        label=record.label,
        patient_id=PATIENT,
        origin=origin,
        mask=record.mask,
        selected=record.selected,
        spacing_mm=record.spacing_mm,
        attributes={"trained_on": record.trained_on},
    )


def _warn_of_broken(path: Path, target: Path) -> None:
    """Say it whenever the copy is opened, and not only when it is made."""
    done = json.loads((target / "changes.json").read_text(encoding="utf-8"))
    if broken := done["broken"]:
        told = _told(len(broken), done["tried"], broken[0]["item"], broken[0]["reason"])
        warnings.warn(f"{path}: {told}", BrokenImagesWarning, stacklevel=3)


def _told(broken: int, tried: int, item: str, reason: str) -> str:
    return f"{broken} of {tried} images cannot be used, e.g. {item}: {reason}"


def _cache(given: Path | str | None) -> Path:
    if given is not None:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gan-augmentation"


def _key(path: Path, asked: list[str]) -> str:
    """What a copy depends on: paths, sizes and times of the files, and what was asked."""
    digest = hashlib.sha256("\n".join([str(path.resolve()), *asked]).encode())
    files = [path] if path.is_file() else (each for each in path.rglob("*") if each.is_file())
    # A single .npz is described by what lies beside it.
    beside = path.parent.glob("*.[cj]s*") if path.is_file() else ()
    root = path.parent if path.is_file() else path
    for file in sorted(itertools.chain(files, beside)):
        found, place = file.stat(), file.relative_to(root).as_posix()
        digest.update(f"{place} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
