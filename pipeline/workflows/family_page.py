"""The page of families: each trained on the same fold, judged by the same features, with a picture.

Not a stage: it answers which family to choose, for one's own scans as for those of the
documentation. Every family trains on one thread, so that seconds compare: with its default options,
or where these do not suit (volumes, other budgets) with those that the project configures.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.compute import Machine, Report, choose_device, parallel_map
from pipeline.config import Params
from pipeline.errors import DataError, choose_one_of
from pipeline.fidelity.floor import Measured, measure
from pipeline.fidelity.probes.probe import Question
from pipeline.imageset import ImageSet
from pipeline.registry import FAMILIES, FEATURES, METRICS, PROBES
from pipeline.report import families as page
from pipeline.report.learning import curve_of, draw_learning
from pipeline.seeding import derive, numpy_rng
from pipeline.splits import Splits, fold_name

if TYPE_CHECKING:
    from pipeline.gan.family import Family, TrainingOptions

_REPEATS = 20
_EMBEDDING_STEPS = 400
_SHOWN = 12


@dataclass(frozen=True)
class _Job:
    params: Params
    root: Path
    pictures: Path
    family: str
    per_class: int
    values: Mapping[str, Any]

    @property
    def fold(self) -> tuple[int, int]:
        return 0, 0


@dataclass(frozen=True)
class _Fold:
    """The rows of the fold that families are compared on."""

    training: ImageSet
    real: ImageSet
    validation: ImageSet
    held_out: ImageSet


def run(
    params: Params,
    root: Path,
    names: Sequence[str],
    out: Path,
    *,
    per_class: int,
    steps: int | None = None,
    configured: bool = False,
) -> None:
    """Train families on the first fold, and write a page about them.

    Args:
        params: Of the project.
        root: The project's root, with `data/images`, `data/splits.csv` and `data/augmented`.
        names: Registry names; none is all of them.
        out: A .md file; pictures and figures go beside it, into a directory of its name.
        per_class: Images sampled of each class.
        steps: Instead of every family's own, for a quick look.
        configured: Compare the families with the project's `train_gan.options`, which are left
            aside otherwise.

    Raises:
        ParameterError: If an option is wrong.
        DataError: If a name is unknown or the stages up to `augment` have not run.
    """
    chosen = list(names) or list(FAMILIES)
    for name in chosen:
        if name not in FAMILIES:
            raise DataError("FAMILIES", choose_one_of(name, FAMILIES))
    pictures = out.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    compute = params.compute
    machine = Machine(choose_device(compute.device), 1, compute.workers, compute.precision)
    own = params.train_gan.options if configured else {}
    stated = {} if steps is None else {"steps": steps}
    jobs = [
        _Job(params, root, pictures, name, per_class, {**own.get(name, {}), **stated})
        for name in chosen
    ]
    total = sum(_options(job).steps for job in jobs)
    # Before the families, so that no two workers wait for the same embedding.
    fold = _fold(jobs[0])
    _embedding(jobs[0], fold, machine)
    found = parallel_map(_judge, jobs, machine, names=chosen, total=total, description="families")
    figures = _with_known(pictures / "figures.json", dict(zip(chosen, found, strict=True)))
    noise = {name: each for name, each in figures.items() if each["batches"] in page.NOISE}
    draw_learning(noise, pictures / page.CURVES, default=params.train_gan.families[0])
    out.write_text(
        page.markdown(figures, _facts(jobs[0], fold, machine), pictures), encoding="utf-8"
    )


def _options(job: _Job) -> TrainingOptions:
    from pipeline.gan import fitting

    return fitting.options_for(job.family, job.values, job.params.augment)


def _with_known(path: Path, found: Mapping[str, Any]) -> dict[str, Any]:
    """Figures by family in the registry's order, those that were there before among them."""
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known = {**before, **found}
    figures = {name: known[name] for name in FAMILIES if name in known}
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures


def _facts(job: _Job, fold: _Fold, machine: Machine) -> dict[str, Any]:
    return {
        "size": "x".join(map(str, fold.real.shape[1:])),
        "training": len(fold.real),
        "validation": len(fold.validation),
        "held_out": len(fold.held_out),
        "per_class": job.per_class,
        "note": fold.real.meta.note,
        "device": machine.device,
        "default": job.params.train_gan.families[0],
    }


def _fold(job: _Job) -> _Fold:
    repeat, fold = job.fold
    training = ImageSet.open(job.root / "data/augmented" / fold_name(repeat, fold))
    images = ImageSet.open(job.root / "data/images")
    splits = Splits.open(job.root / "data/splits.csv")
    splits.check_training(training, repeat, fold)
    real = training.take(training.manifest["origin"].eq("real").to_numpy(bool))
    validation, held_out = (splits.select(images, repeat, fold, part) for part in ("val", "test"))
    return _Fold(training, real, validation, held_out)


def _embedding(job: _Job, fold: _Fold, machine: Machine) -> Any:
    return FEATURES.load("fold_embedding").fit(
        fold.real,
        fold.validation,
        steps=_EMBEDDING_STEPS,
        seed=derive(job.params.seed, "families", "embedding"),
        machine=machine,
        augment=job.params.augment,
    )


def _judge(job: _Job, machine: Machine, report: Report) -> dict[str, Any]:
    """Train a family's models, sample from them, and measure."""
    from pipeline.gan.generator import Format, Generator, Maker
    from pipeline.gan.sets import write_samples

    fold = _fold(job)
    with TemporaryDirectory() as directory:
        makers, cost = _train(job, fold, machine, Path(directory), report)
        counts = dict.fromkeys(fold.real.meta.classes, job.per_class)
        started = time.process_time()
        write_samples(
            Path(directory) / "samples",
            Generator(
                job.family,
                Format.of(fold.training),
                lambda label: Maker(*makers[label]),
                machine,
            ),
            counts,
            lambda label, index: derive(job.params.seed, "families", label, index),
            prefix=job.family,
            advance=lambda _: None,
        )
        sampling = (time.process_time() - started) / sum(counts.values())
        samples = ImageSet.open(Path(directory) / "samples")
        figures = _measured(job, fold, samples, machine)
    _picture(job, fold, makers, machine)
    return {**cost, "sampling_ms": 1000.0 * sampling, **figures}


def _train(
    job: _Job, fold: _Fold, machine: Machine, directory: Path, report: Report
) -> tuple[dict[str, tuple[Family, Any, int]], dict[str, Any]]:
    """Train the models of a family: what makes each class, and what it cost."""
    from pipeline.gan import fitting

    kind = FAMILIES.load(job.family)
    options = _options(job)
    makers: dict[str, tuple[Family, Any, int]] = {}
    parameters, kept, findings, histories = 0, [], [], []
    started = time.process_time()
    labels = [None] if kind.conditional else list(fold.real.meta.classes)
    for number, label in enumerate(labels):
        name = f"{job.family}/{label or 'all'}"
        plan = fitting.Plan(job.family, options, label, name, job.params.seed)
        rows = fitting.rows_of(plan, fold.training, machine)
        own = directory / str(number)
        own.mkdir()
        trained = fitting.fit(
            plan, rows, fold.training, fold.validation, machine, own, _share(report, len(labels))
        )
        makers |= {made: (trained.family, rows.diet, index) for made, index in rows.made.items()}
        parameters += sum(each.numel() for each in trained.family.networks.parameters())
        kept.append(trained.step)
        findings += [finding.monitor for finding in trained.history.findings]
        histories.append(trained.history.rows)
    cost = {
        "seconds": time.process_time() - started,
        "steps": options.steps,
        "options": dict(job.values),
        "curve": curve_of(histories, options.steps),
        "kept": kept,
        "parameters": parameters,
        "models": len(labels),
        "findings": sorted(set(findings)),
        "batches": kind.batches,
        "trained": any(key.startswith("loss_") for row in histories[0] for key in row),
    }
    return makers, cost


def _share(report: Report, models: int) -> Report:
    """Count a step of one of several models as its share of the family's steps."""
    owed = 0.0

    def shared(
        steps: int, figures: Mapping[str, float] | None = None, at: int | None = None
    ) -> None:
        nonlocal owed
        owed += steps / models
        whole = int(owed)
        owed -= whole
        report(whole, figures, at)

    return shared


def _measured(job: _Job, fold: _Fold, samples: ImageSet, machine: Machine) -> dict[str, Any]:
    embed = _embedding(job, fold, machine)
    figures: dict[str, Measured | float] = dict(
        measure(
            [METRICS.load(name) for name in METRICS],
            embed(fold.real),
            embed(samples),
            embed(fold.held_out),
            neighbours=job.params.assess.neighbours,
            repeats=_REPEATS,
            rng=numpy_rng(job.params.seed, "families", "subsets"),
        )
    )
    question = Question(
        fold.real,
        fold.validation,
        fold.held_out,
        samples,
        job.params.augment,
        _EMBEDDING_STEPS,
        derive(job.params.seed, "families", "embedding"),
        machine,
    )
    for name in PROBES:
        figures |= PROBES.load(name)(question)
    return {
        name: each if isinstance(each, float) else asdict(each) for name, each in figures.items()
    }


def _picture(
    job: _Job, fold: _Fold, makers: Mapping[str, tuple[Family, Any, int]], machine: Machine
) -> None:
    """For each class what images were made from, if anything, the images, then real ones."""
    from pipeline.gan import previews

    seeds = [derive(job.params.seed, "families", "shown", number) for number in range(_SHOWN)]
    grid = []
    for label, (family, diet, index) in makers.items():
        grid += previews.made(family, diet, index, seeds, machine)
        rows = fold.real.manifest["label"].eq(label).to_numpy(bool).nonzero()[0]
        grid.append(fold.real.take(np.asarray(rows[:_SHOWN])).scaled())
    previews.save_grid(job.pictures / f"{job.family}.png", grid)
