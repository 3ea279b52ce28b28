"""Scans -> data/images: checked, of one shape, under pseudonyms; what is broken is set aside.

Reads `ingest.path` through the source that `ingest.source` names. Writes the ImageSet data/images
and data/quarantine.csv. All of params.yaml is checked first, so that no mistake waits for a stage
that runs an hour later. Raw identifiers and file names stay in this process: `keys` decodes again.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline import config, tracking
from pipeline.config import Params
from pipeline.errors import DataError, ParameterError, PipelineError, choose_one_of
from pipeline.imageset import ImageSet, ImageSetWriter, Meta, narrowest_dtype
from pipeline.imageset.added import check_columns
from pipeline.sources import enrolment, guarded, pseudonyms, vocabulary
from pipeline.sources.source import Broken, Scan, Settings, Source
from pipeline.sources.tally import Tally

NO_PATIENTS = "No patient identifiers: every image counts as a patient of its own."


def run(params: Params, root: Path, tracker: tracking.Run) -> None:
    """Turn the user's scans into data/images.

    Args:
        params: All parameters.
        root: The project's root.
        tracker: Hears the counts of images and patients.

    Raises:
        ParameterError: If any parameter of any stage is wrong.
        PipelineError: If the source cannot be read, too many scans are broken, or what is left
            has fewer than two classes. data/quarantine.csv is written all the same.
    """
    config.check_everything(params)
    source = enrolment.open_source(params, root)
    settings = source.settings()
    classes = params.ingest.classes or settings.classes
    if classes is not None:
        _check_classes(params, classes, settings)
    elif not vocabulary.are_words(settings.folders):
        raise ParameterError(
            "ingest.classes",
            f"is null, and of the {len(settings.folders)} class folders under ingest.path some "
            "have names that may be patients'; if they are classes, list them here, else put the "
            "scans into folders by their class",
        )
    tally = Tally()
    images = root / "data" / "images"
    shutil.rmtree(images, ignore_errors=True)
    writer = ImageSetWriter(
        images,
        _meta(params, settings, classes or ()),
        capacity=len(source),
        shape=(len(settings.channels), *params.ingest.size),
        dtype=narrowest_dtype(settings.low, settings.high) if settings.integer else np.float32,
        masks=settings.masks,
    )
    with writer:
        try:
            _copy(params, root, source, settings, writer, tally)
        finally:
            tally.write_quarantine(root / "data" / "quarantine.csv")
        found = classes or tuple(sorted(tally.usable))
        _check_outcome(params, tally, found)
        _check_classes(params, found, settings)
        writer.meta = _meta(params, settings, found, anonymous=tally.anonymous > 0)
    # Only now are its columns known, which `compare` will ask for.
    manifest = ImageSet.open(images).manifest
    check_columns(params.compare.covariates, params.compare.subgroups, manifest)
    tracker.metrics(tally.figures())
    tqdm.write(" ".join(filter(None, (tally.summary(found), writer.meta.note))))


def keys(params: Params, root: Path) -> dict[str, str]:
    """Tell which scan an item of quarantine.csv or an image of the manifest came from.

    For the person who holds the scans: what it returns may identify patients and is written
    nowhere. It decodes all scans again, since nothing that it needs is stored.

    Returns:
        `item-00017` and `i00017` -> the source's key.
    """
    source = enrolment.open_source(params, root)
    found: dict[str, str] = {}
    with guarded.hushed():
        for number, scan in guarded.numbered(source, params.ingest.source):
            found[guarded.item_name(number)] = scan.key
            if isinstance(scan, Scan):
                found[_image_id(number)] = scan.key
    return found


def _copy(
    params: Params,
    root: Path,
    source: Source,
    settings: Settings,
    writer: ImageSetWriter,
    tally: Tally,
) -> None:
    """Stream the usable scans into the writer and tally what happened to each."""
    names = pseudonyms.Pseudonyms(len(source), params.seed)
    scans = guarded.numbered(source, params.ingest.source)
    path = root / params.ingest.path
    places = (str(path.resolve()), str(path))
    with guarded.hushed():
        for number, scan in tqdm(scans, "ingest", len(source), unit="scan", mininterval=1.0):
            problem = enrolment.problem_with(scan, settings, params)
            if isinstance(scan, Broken) or problem is not None:
                secrets = {scan.key, *names.identifiers}
                if isinstance(scan, Scan):
                    secrets |= {scan.patient or "", *scan.identifiers}
                reason = pseudonyms.scrubbed(problem or "is broken", *secrets, places=places)
                row = (guarded.item_name(number), reason)
                left_out = enrolment.is_left_out(scan, problem)
                (tally.left_out if left_out else tally.broken).append(row)
                continue
            pseudonyms.check_names(scan.attributes)
            pseudonyms.check_values(scan, guarded.item_name(number))
            patient = names.of(scan.patient)
            if scan.label not in writer.meta.classes:
                known = (*writer.meta.classes, scan.label)
                writer.meta = replace(writer.meta, classes=known)
            _add(writer, scan, _image_id(number), patient, settings)
            tally.count(scan, patient)


def _add(
    writer: ImageSetWriter, scan: Scan, image_id: str, patient: str, settings: Settings
) -> None:
    pixels: NDArray[Any] = np.rint(scan.image) if settings.integer else scan.image
    attributes = dict(scan.attributes)
    if scan.part is not None:
        attributes[pseudonyms.PART] = scan.part
    writer.add(
        pixels,
        image_id=image_id,
        label=scan.label,
        patient_id=patient,
        origin="real",
        mask=(scan.mask > 0).astype(np.uint8) if settings.masks and scan.mask is not None else None,
        spacing_mm=scan.spacing_mm,
        attributes=attributes,
    )


def _meta(
    params: Params, settings: Settings, classes: Iterable[str], *, anonymous: bool = False
) -> Meta:
    notes = [settings.note, NO_PATIENTS if anonymous else ""]
    return Meta(
        classes=tuple(classes),
        channels=settings.channels,
        unit=settings.unit,
        window=settings.window,
        orientation=settings.orientation,
        positive_class=params.ingest.positive_class,
        note=" ".join(filter(None, notes)),
    )


def _check_classes(params: Params, classes: tuple[str, ...], settings: Settings) -> None:
    """Check every parameter that names a class, and that two classes have a positive one."""
    if settings.classes is not None:
        for name in classes:
            if name not in settings.classes:
                raise ParameterError("ingest.classes", choose_one_of(name, settings.classes))
    if len(set(classes)) < len(classes) or len(classes) < 2:
        raise ParameterError(
            "ingest.classes", f"got {list(classes)}; give at least two, each of them once"
        )
    positive = params.ingest.positive_class
    if positive is None and len(classes) == 2:
        raise ParameterError(
            "ingest.positive_class",
            "is required with two classes, as the one whose detection is sensitivity; "
            + choose_one_of(None, classes),
        )
    if positive is not None and positive not in classes:
        raise ParameterError("ingest.positive_class", choose_one_of(positive, classes))
    for name in params.synthesize.counts:
        if name not in classes:
            raise ParameterError("synthesize.counts", choose_one_of(name, classes))


def _check_outcome(params: Params, tally: Tally, classes: tuple[str, ...]) -> None:
    """Refuse a set that is too broken or too small to be split."""
    usable, broken = sum(tally.usable.values()), len(tally.broken)
    told = "data/quarantine.csv lists each; `python -m pipeline locate` tells which scan it is"
    if broken:
        common, times = Counter(reason for _, reason in tally.broken).most_common(1)[0]
        tried = (
            f"{broken} of {usable + broken} scans cannot be used, most often ({times}): {common}"
        )
    if broken > params.ingest.max_quarantined * (usable + broken):
        share = params.ingest.max_quarantined
        raise PipelineError(
            f"ingest: {tried}. This is more than ingest.max_quarantined = {share:g} allows; mend "
            f"them or raise it. {told}"
        )
    if not usable:
        raise PipelineError(f"ingest: no scan is left to use. {told}")
    if max(map(len, tally.patients.values())) == 1:
        raise DataError(
            "ingest",
            "each class has a single patient, as if patients were taken for classes, and nothing "
            "can be learned from one for another; take labels from another column or folder",
        )
    if len(tally.usable) < 2:
        raise DataError(
            "ingest", f"all {usable} scans are of the class {next(iter(tally.usable))!r}; give two"
        )
    needed = params.split.folds if params.split.scheme == "kfold" else 3
    for name in classes:
        if tally.usable[name] < needed:
            raise DataError(
                "ingest",
                f"the class {name!r} has {tally.usable[name]} usable scans and "
                f"split.scheme {params.split.scheme} needs at least {needed}; add scans of it, or "
                "list the other classes in ingest.classes",
            )
    if params.split.scheme == "official" and not {"train", "test"} <= tally.parts:
        raise ParameterError(
            "split.scheme",
            f"got 'official', but the source {params.ingest.source} has no official parts for "
            "train and test; use kfold or holdout",
        )


def _image_id(number: int) -> str:
    return f"i{number:05d}"
