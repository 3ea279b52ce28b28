"""Stage `external`: a set that another generator made becomes an arm's images.

Each fold gets data/synthetic/<name>/r0f0g0 in the unit, shape and type of the scans, selected by
the fold's training rows just as the families' samples are. `external.json` beside the folds says
what is known of the generator's training patients, what was changed and what looks like a test
image; `quarantine.csv` names what cannot be used. A generator that saw a fold's test patients is
refused before anything is converted.
"""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pipeline import jsonfile, tracking
from pipeline.compute import Machine, Report, choose_device, parallel_map
from pipeline.config import External, Params
from pipeline.data.leaks import fold_of
from pipeline.data.opening import add
from pipeline.errors import DataError, LeakError, ParameterError, PipelineError, choose_one_of
from pipeline.imageset import ImageSet, ImageSetWriter
from pipeline.readers import provenance
from pipeline.readers.fitting import Fitting, Wanted, fitted
from pipeline.readers.likeness import near_duplicates
from pipeline.readers.provenance import Provenance
from pipeline.readers.reader import Reader, open_reader
from pipeline.selection.folds import FoldOf, select
from pipeline.sources import enrolment, pseudonyms
from pipeline.sources.source import Broken
from pipeline.splits import Splits, fold_name

_PAIRS_NAMED = 20


@dataclass(frozen=True)
class _Job:
    """One fold of one set.

    Args:
        params: All parameters.
        root: The project's root.
        name: The set's.
        repeat: The fold's repeat.
        fold: The fold.
        seen: How many of the fold's patients the generator saw, by part.
        listed: Identifiers that must not be written.
    """

    params: Params
    root: Path
    name: str
    repeat: int
    fold: int
    seen: Mapping[str, int]
    listed: tuple[str, ...]

    @property
    def settings(self) -> External:
        return self.params.synthesize.external[self.name]

    @property
    def set_name(self) -> str:
        return fold_name(self.repeat, self.fold, 0)

    @property
    def directory(self) -> Path:
        return self.root / "data/synthetic" / self.name / self.set_name

    @property
    def place(self) -> str:
        return f"synthesize.external.{self.name}"

    def reader(self) -> Reader:
        """Open the fold's set."""
        path = self.root / self.settings.path
        return open_reader(
            provenance.set_of_fold(path, self.repeat, self.fold), self.settings.format
        )


def run(params: Params, root: Path, name: str, tracker: tracking.Run) -> None:
    """Write data/synthetic/<name>.

    Raises:
        ParameterError: If there is no such set in synthesize.external, or its unit is not known.
        DataError: If it cannot be read, is too broken, or holds no image of some fold.
        LeakError: If the generator saw test patients of a fold, or images are held-out ones.
    """
    if name not in params.synthesize.external:
        raise ParameterError("synthesize.external", choose_one_of(name, params.synthesize.external))
    seen, jobs = _jobs(params, root, name)
    selected = params.synthesize.selection.enabled
    steps = params.assess.embedding_steps if selected else 0
    target = root / "data/synthetic" / name
    shutil.rmtree(target, ignore_errors=True)
    compute = params.compute
    found: list[dict[str, Any]] = parallel_map(
        _bring,
        jobs,
        Machine(choose_device(compute.device), compute.threads, compute.workers, compute.precision),
        names=[f"{name}/{job.set_name}" for job in jobs],
        total=sum(len(job.reader()) * (1 + selected) + steps for job in jobs),
        description=f"external {name}",
        listener=tracker.listen,
    )
    _write_quarantine(target / "quarantine.csv", jobs, [each.pop("broken") for each in found])
    document = {
        "name": name,
        "trained_on": seen.kind,
        "listed": seen.listed,
        "in_this_data_set": len(seen.patients),
        "statement": seen.sentence(name),
        "folds": {job.set_name: each for job, each in zip(jobs, found, strict=True)},
    }
    jsonfile.write(target / "external.json", document)
    tracker.metrics(_figures(found))


def _jobs(params: Params, root: Path, name: str) -> tuple[Provenance, list[_Job]]:
    """Check every fold first; what is known of the generators of all folds together."""
    settings = params.synthesize.external[name]
    path = root / settings.path
    if not path.exists():
        raise ParameterError(f"synthesize.external.{name}.path", f"got {settings.path!r}, which "
                             "does not exist; correct it")  # fmt: skip
    images = ImageSet.open(root / "data/images")
    splits = Splits.open(root / "data/splits.csv")
    known = cache(lambda: enrolment.patients(params, root))
    jobs, all_seen = [], []
    for repeat, fold in splits.folds():
        own = provenance.set_of_fold(path, repeat, fold)
        place = provenance.list_for(settings.trained_on, path, own)
        seen = provenance.read(settings.trained_on, place, images, known)
        met = provenance.check(name, seen, images, splits, repeat, fold)
        listed = provenance.identifiers(settings.trained_on, place)
        jobs.append(_Job(params, root, name, repeat, fold, met, listed))
        all_seen.append(seen)
    provenance.check_known(all_seen)
    patients = frozenset[str]().union(*(seen.patients for seen in all_seen))
    most = max(seen.listed for seen in all_seen)
    return Provenance(all_seen[0].kind, most, patients), jobs


def _bring(job: _Job, machine: Machine, report: Report) -> dict[str, Any]:
    """Convert and select one fold's set; what was found of it."""
    facts = _convert(job, report)
    images = ImageSet.open(job.directory)
    facts |= _likeness(job, images)
    if job.params.synthesize.selection.enabled:
        of = FoldOf(job.params, job.root, job.repeat, job.fold)
        select(of, job.directory, machine, report)
    return facts


def _convert(job: _Job, report: Report) -> dict[str, Any]:
    """Write the fold's set in the scans' shape, unit and type."""
    template = ImageSet.open(job.root / "data/augmented" / fold_name(job.repeat, job.fold))
    reader = job.reader()
    masks = reader.about().masks and template.has_masks
    wanted = Wanted(template.meta, template.shape, template.dtype, masks, job.settings.classes)
    fitting = _fitting(job, wanted, reader)
    broken: list[tuple[str, str]] = []
    other_folds = 0
    with ImageSetWriter(
        job.directory,
        template.meta,
        capacity=len(reader),
        shape=template.shape,
        dtype=template.dtype,
        masks=masks,
    ) as writer:
        written = Counter[str]()
        for number, found in fitted(reader, fitting):
            report(1)
            if isinstance(found, Broken):
                reason = pseudonyms.scrubbed(found.reason, *job.listed)
                broken.append((pseudonyms.scrubbed(found.key, *job.listed), reason))
            elif found.trained_on and fold_of(found.trained_on) != (job.repeat, job.fold):
                other_folds += 1
            else:
                # From here on the set is the fold's, whatever it was made for.
                found = replace(found, trained_on=job.set_name)
                add(writer, found, f"{job.name}-{job.set_name}-{number:05d}", job.name)
                written[found.label] += 1
    _check_outcome(job, len(reader), broken, written)
    return {
        "images": written.total(),
        "by_class": dict(written),
        "of_other_folds": other_folds,
        "quarantined": len(broken),
        "changes": dict(sorted(fitting.changes.items())),
        "saw_patients": {part: count for part, count in job.seen.items() if part != "test"},
        "broken": broken,
    }


def _fitting(job: _Job, wanted: Wanted, reader: Reader) -> Fitting:
    about, settings = reader.about(), job.settings
    about = replace(about, unit=settings.unit or about.unit, window=settings.window or about.window)
    try:
        return Fitting(wanted, about)
    except PipelineError as error:
        raise ParameterError(f"{job.place}.window", f"is needed: {error}") from None


def _check_outcome(
    job: _Job, tried: int, broken: list[tuple[str, str]], written: Mapping[str, int]
) -> None:
    limit = job.settings.max_quarantined
    if broken:
        reason, times = Counter(reason for _, reason in broken).most_common(1)[0]
        if len(broken) > limit * tried:
            raise DataError(
                job.place,
                f"{len(broken)} of {tried} images cannot be used, e.g. {broken[0][0]}; most often "
                f"({times}): {reason}. Mend them, or raise max_quarantined = {limit:g}",
            )
    if not written:
        raise DataError(job.place, f"has no image for {fold_name(job.repeat, job.fold)}")


def _likeness(job: _Job, images: ImageSet) -> dict[str, Any]:
    """Compare with held-out and with training images, and refuse held-out ones themselves."""
    real = ImageSet.open(job.root / "data/images")
    splits = Splits.open(job.root / "data/splits.csv")
    known = splits.ids(job.repeat, job.fold, "train")
    held_out = set(real.manifest.loc[~real.manifest["image_id"].isin(known), "sha256"])
    if same := int(images.manifest["sha256"].isin(held_out).sum()):
        raise LeakError(
            f"{job.place}: {same} of its images have the same pixels as images outside the "
            f"training rows of {fold_name(job.repeat, job.fold)}; take them out, or give a set for "
            "each fold"
        )
    options = job.params.split.duplicates
    found = {
        part: near_duplicates(images, splits.select(real, job.repeat, job.fold, part), options)
        for part in ("test", "train")
    }
    tested = splits.select(real, job.repeat, job.fold, "test").manifest["image_id"]
    pairs = [
        [str(images.manifest["image_id"].iloc[row]), str(tested.iloc[other]), round(value, 4)]
        for row, other, value in found["test"][:_PAIRS_NAMED]
    ]
    return {"near_test": len(found["test"]), "near_train": len(found["train"]), "near_pairs": pairs}


def _write_quarantine(
    path: Path, jobs: Sequence[_Job], broken: Sequence[list[tuple[str, str]]]
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("set", "item", "reason"))
        for job, rows in zip(jobs, broken, strict=True):
            writer.writerows((job.set_name, *row) for row in rows)


def _figures(found: list[dict[str, Any]]) -> dict[str, float]:
    names = ("images", "quarantined", "near_test", "near_train")
    return {name: float(sum(each[name] for each in found)) for name in names}
