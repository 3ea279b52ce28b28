"""The stage synthesize: labelled images sampled from a family's trained models, the best selected.

Every image has its own seed, written in its row, and depends on that and on its model alone: asking
for more images of a class, or of another class, changes none of those that were there, nor their
scores. Every sample is kept; `selected` marks those that are good enough to use, and
`selection.json` beside the manifest says what was found.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipeline import tracking
from pipeline.compute import Machine, Report, choose_device, parallel_map
from pipeline.config import Params, Synthesize
from pipeline.errors import ParameterError
from pipeline.imageset import ImageSet
from pipeline.registry import FAMILIES
from pipeline.seeding import derive
from pipeline.splits import Splits, fold_name

_SHOWN = 16


@dataclass(frozen=True)
class SetJob:
    """One set to sample: the models of one fold and GAN seed.

    Args:
        root: The project's root.
        family: Its registry name.
        repeat: The fold's repeat.
        fold: The fold.
        gan_seed: Which of the models that differ by chance alone.
        counts: Images by class.
        wanted: Attributes by column that every image shall have.
        params: For the root seed, and for how images are selected.
    """

    root: Path
    family: str
    repeat: int
    fold: int
    gan_seed: int
    counts: dict[str, int]
    wanted: dict[str, str]
    params: Params

    @property
    def name(self) -> str:
        """The set's directory below data/synthetic/<family>."""
        return fold_name(self.repeat, self.fold, self.gan_seed)

    def image_seed(self, label: str, index: int) -> int:
        """The seed of one image."""
        return derive(
            self.params.seed,
            "synthesize",
            self.family,
            self.repeat,
            self.fold,
            self.gan_seed,
            label,
            index,
        )


def run(params: Params, root: Path, family: str, tracker: tracking.Run) -> None:
    """Write data/synthetic/<family>/r0f0g0 for every fold and GAN seed.

    Raises:
        ParameterError: If synthesize.counts names a class that is not there, or
            synthesize.attributes a column or level that is not told.
        DataError: If a model is missing or does not fit.
    """
    FAMILIES.load(family, "train_gan.families")
    wanted = dict(params.synthesize.attributes.get(family, {}))
    jobs = [
        SetJob(root, family, repeat, fold, gan_seed, counts, wanted, params)
        for repeat, fold in Splits.open(root / "data/splits.csv").folds()
        for counts in [_counts(params.synthesize, _template(root, repeat, fold))]
        for gan_seed in range(params.train_gan.gan_seeds)
    ]
    compute = params.compute
    machine = Machine(
        choose_device(compute.device), compute.threads, compute.workers, compute.precision
    )
    shutil.rmtree(root / "data/synthetic" / family, ignore_errors=True)
    parallel_map(
        sample_set,
        jobs,
        machine,
        names=[f"{family}/{job.name}" for job in jobs],
        total=sum(_steps(job) for job in jobs),
        description=f"synthesize {family}",
        listener=tracker.listen,
    )
    for job in jobs:
        _show(job, tracker)


def sample_set(job: SetJob, machine: Machine, report: Report) -> None:
    """Sample one set, class by class, in the unit and type of the scans."""
    from pipeline.gan.generator import of_models, training_offers
    from pipeline.gan.sets import spacing_by_parents, write_samples

    template = _template(job.root, job.repeat, job.fold)
    place = f"synthesize.attributes.{job.family}"
    write_samples(
        job.root / "data/synthetic" / job.family / job.name,
        of_models(
            job.root / "models" / job.family / job.name,
            template,
            job.family,
            machine,
            training_offers(template, machine, job.wanted, place),
        ),
        job.counts,
        job.image_seed,
        prefix=f"{job.family}-{job.name}",
        advance=report,
        spacing=spacing_by_parents(template),
    )
    if job.params.synthesize.selection.enabled:
        from pipeline.selection.folds import FoldOf, select

        of = FoldOf(job.params, job.root, job.repeat, job.fold)
        directory = job.root / "data/synthetic" / job.family / job.name
        select(of, directory, machine, report)


def _steps(job: SetJob) -> int:
    """How much a set takes: an image is sampled, and judged by a network that is trained first."""
    count = sum(job.counts.values())
    if not job.params.synthesize.selection.enabled:
        return count
    return 2 * count + job.params.assess.embedding_steps


def _template(root: Path, repeat: int, fold: int) -> ImageSet:
    """The set that the models learnt from, for its unit, type, shape and classes."""
    return ImageSet.open(root / "data/augmented" / fold_name(repeat, fold))


def _counts(synthesize: Synthesize, template: ImageSet) -> dict[str, int]:
    """How many images of each class: `counts` where given, else `per_class` of each."""
    classes = template.meta.classes
    for label in synthesize.counts:
        if label not in classes:
            raise ParameterError(
                f"synthesize.counts.{label}", f"is no class; choose among {', '.join(classes)}"
            )
    if not synthesize.counts:
        return dict.fromkeys(classes, synthesize.per_class)
    counts = {label: synthesize.counts.get(label, 0) for label in classes}
    if not any(counts.values()):
        raise ParameterError("synthesize.counts", "asks for no image at all; give some class more")
    return counts


def _show(job: SetJob, tracker: tracking.Run) -> None:
    """Hand a grid, a row a class, to the tracker."""
    from pipeline.gan.previews import save_grid

    images = ImageSet.open(job.root / "data/synthetic" / job.family / job.name)
    rows = [
        (images.labels == label).nonzero()[0][:_SHOWN] for label in range(len(images.meta.classes))
    ]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"{job.family}-{job.name}.png"
        save_grid(path, [images.scaled(row) for row in rows])
        tracker.artifact(path, "synthetic")
