"""`python -m pipeline`: what a person asks for outside DVC's stages. A command is one function.

One file, because a command here only reads its arguments and calls one function of
`pipeline.workflows`. To add one: a function whose docstring ends in `Example: python -m pipeline
...`, and its section in docs/command-line.md; tests/contracts/test_commands.py checks both.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline import config, edits
from pipeline.errors import DataError, PipelineError

ROOT = Path()
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Does augmentation improve this classifier? `dvc repro` answers; these commands help.",
)


def main() -> None:
    """Run a command; a mistake ends in one sentence and exit status 1, a wrong call in 2."""
    try:
        app()
    except PipelineError as error:
        sys.exit(f"Error: {error}")


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Tell what this machine and project lack, and the mend; exit status 1 if anything stops a run.

    Example: python -m pipeline doctor
    """
    from pipeline.workflows import doctor as workflow

    raise typer.Exit(int(not workflow.run(ROOT, as_json=as_json)))


@app.command()
def families(
    names: Annotated[
        str, typer.Argument(help="Families to train, as a,b; nothing lists them.")
    ] = "",
) -> None:
    """List the GAN families, or choose those to train; arms and options follow.

    Example: python -m pipeline families conditional,dcgan
    """
    from pipeline.registry import FAMILIES

    if not names:
        trained = config.load(ROOT / "params.yaml").train_gan.families
        for name in FAMILIES:
            print(f"{name}{'  (trained)' if name in trained else ''}")
        return
    _tell(edits.set_families(ROOT, _families(names)))


@app.command("family-page")
def family_page(
    names: Annotated[str, typer.Argument(help="Families, as a,b; nothing is all of them.")] = "",
    out: Annotated[Path, typer.Option(help="The page.")] = Path("docs/families.md"),
    per_class: Annotated[int, typer.Option(min=8, help="Images to sample of each class.")] = 200,
    steps: Annotated[
        int | None, typer.Option(min=1, help="For a quick look, instead of each family's own.")
    ] = None,
    configured: Annotated[
        bool, typer.Option("--configured", help="With train_gan.options, not with defaults.")
    ] = False,
) -> None:
    """Train families on the first fold, and compare them on a page.

    Run `dvc repro augment` first. Families that are not named keep their figures.
    Example: python -m pipeline family-page conditional,dcgan --out families.md
    """
    from pipeline.workflows import family_page as workflow

    wanted, params = _families(names), config.load(ROOT / "params.yaml")
    workflow.run(params, ROOT, wanted, out, per_class=per_class, steps=steps, configured=configured)
    print(out)


@app.command("study-page")
def study_page(
    out: Annotated[Path, typer.Option(help="The page.")] = Path("docs/reference-study.md"),
) -> None:
    """Write a page about the finished run, with its pictures and figures beside it.

    What is in about.md beside the pictures is included as it stands.
    Example: python -m pipeline study-page --out study.md
    """
    from pipeline.workflows import study_page as workflow

    workflow.run(config.load(ROOT / "params.yaml"), ROOT, out)
    print(out)


@app.command("gpu-check")
def gpu_check(
    names: Annotated[str, typer.Argument(help="Families, as a,b; nothing is all of them.")] = "",
    device: Annotated[str, typer.Option(help="auto, cuda, cuda:1, mps, cpu.")] = "auto",
    size: Annotated[str, typer.Option(help="Pixels, e.g. 64,64 or 32,32,32.")] = "64,64",
    seconds: Annotated[float, typer.Option(min=0.1, help="For each family and precision.")] = 60.0,
    precisions: Annotated[str, typer.Option(help="Which to try.")] = "fp32,bf16",
) -> None:
    """Train every family for a while, and tell how fast and with how much memory.

    Example: python -m pipeline gpu-check conditional,style --size 128,128 --precisions fp32,fp16
    """
    from pipeline.workflows import gpu_check as workflow

    wanted, kinds, pixels = _families(names), _listed(precisions), workflow.parsed_size(size)
    print(f"{'family':<14}{'precision':<11}{'images/s':>10}{'peak GiB':>10}")
    failed = False
    for each in workflow.run(device, wanted, pixels, seconds, kinds):
        failed |= bool(each.problem)
        figures = each.problem or f"{each.images_a_second:>10.1f}{each.peak_gib:>10.2f}"
        print(f"{each.family:<14}{each.precision:<11}{figures}", flush=True)
    raise typer.Exit(int(failed))


@app.command()
def use(
    preset: Annotated[str, typer.Argument(help="A file in presets/, without its ending.")],
    data_path: Annotated[str | None, typer.Option(help="Where your scans are.")] = None,
) -> None:
    """Merge a preset into params.yaml and keep its comments.

    Example: python -m pipeline use lidc_nodules --data-path /data/lidc
    """
    _tell(edits.use_preset(ROOT, preset, data_path))


@app.command()
def sample(
    family: Annotated[str, typer.Argument(help="A trained family.")],
    label: Annotated[str | None, typer.Option(help="A class; nothing is all of them.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Images of each class.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Of the images.")] = 0,
    fold: Annotated[str, typer.Option(help="Whose model: fold and GAN seed.")] = "r0f0g0",
    out: Annotated[Path | None, typer.Option(help="A directory that is not there yet.")] = None,
) -> None:
    """Make images with a trained family: an ImageSet, and a picture of some of it.

    Example: python -m pipeline sample conditional --label cyst --count 100 --seed 3
    """
    from pipeline.workflows import sample as workflow

    order = workflow.Order(family, label, count, seed, fold, out)
    print(workflow.run(config.load(ROOT / "params.yaml"), ROOT, order))


@app.command()
def package(
    family: Annotated[str, typer.Argument(help="A trained family.")],
    fold: Annotated[str, typer.Option(help="Whose model: fold and GAN seed.")] = "r0f0g0",
    out: Annotated[Path | None, typer.Option(help="A directory that is not there yet.")] = None,
    data_license: Annotated[
        Path | None, typer.Option(help="A text about the training images, to go with the weights.")
    ] = None,
) -> None:
    """Write a trained family as a MONAI Bundle, which runs without this project.

    Example: python -m pipeline package conditional --out packages/lesions
    """
    from pipeline.workflows import package as workflow

    params = config.load(ROOT / "params.yaml")
    print(workflow.run(params, ROOT, family, fold, out, data_license))


@app.command()
def register(
    family: Annotated[str, typer.Argument(help="A trained family.")],
    fold: Annotated[str, typer.Option(help="Whose model: fold and GAN seed.")] = "r0f0g0",
    alias: Annotated[str, typer.Option(help="By which the version is found.")] = "current",
) -> None:
    """Register a trained family as a model in MLflow, which runs without this project.

    The same model twice makes one version. Example: python -m pipeline register conditional
    """
    from pipeline.workflows import register as workflow

    done = workflow.run(config.load(ROOT / "params.yaml"), ROOT, family, fold, alias)
    print(f"{done.uri}: version {done.version}{'' if done.created else ', which was there'}")


@app.command()
def sync() -> None:
    """Show in MLflow what DVC's files hold and MLflow lacks.

    Example: python -m pipeline sync
    """
    from pipeline.workflows import sync as workflow

    params = config.load(ROOT / "params.yaml")
    if not params.tracking.enabled:
        print("MLflow: tracking.enabled is false")
        return
    done = workflow.run(params, ROOT)
    print(
        f"MLflow: {done.created} stage runs and {done.children} classifier runs added, "
        f"{done.present} stage runs were there (make ui)"
    )


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="A folder of data/synthetic, e.g. a family.")],
    formats: Annotated[
        str, typer.Option("--format", help="As a,b; nothing is export.formats.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Where to; nothing is exported/<name>.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="With what selection refused.")] = False,
) -> None:
    """Write synthetic images in formats that others read, each with a data card and checksums.

    Example: python -m pipeline export conditional --format dicom,nifti --out to-share
    """
    from pipeline.workflows import export as workflow

    params = config.load(ROOT / "params.yaml")
    wanted, target = _listed(formats), out or Path("exported") / name
    for folder in workflow.by_hand(
        params, ROOT, name, target, formats=wanted, everything=everything
    ):
        print(folder)


@app.command()
def verdict(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Print the table of arms, the verdicts and where to look.

    Example: python -m pipeline verdict
    """
    from pipeline.workflows import verdict as workflow

    workflow.run(ROOT, as_json=as_json)


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A folder of scans, an ImageSet, or a file.")],
    out: Annotated[Path, typer.Option(help="The picture.")] = Path("inspect.png"),
    show_classes: Annotated[
        bool, typer.Option("--show-classes", help="Class names even if they may be patients'.")
    ] = False,
) -> None:
    """Tell what is in a folder of scans, what ingest would refuse, and what to put in params.yaml.

    Example: python -m pipeline inspect /data/my-scans --out my-scans.png
    """
    from pipeline.workflows import inspect as workflow

    workflow.run(ROOT, path, out, show_classes=show_classes)


@app.command()
def new(
    kind: Annotated[Literal["family", "source", "recipe"], typer.Argument(help="What to begin.")],
    name: Annotated[str, typer.Argument(help="In snake_case; file, key and class follow.")],
) -> None:
    """Write a new GAN family, source or recipe that works, its registry line and its tests.

    Example: python -m pipeline new family my_gan
    """
    from pipeline.workflows import new as workflow

    workflow.run(ROOT, kind, name)


@app.command()
def locate(
    item: Annotated[str, typer.Argument(help="An item of data/quarantine.csv, or an image_id.")],
) -> None:
    """Tell which of your files an item is. The answer may identify a patient: keep it to yourself.

    Example: python -m pipeline locate i00017
    """
    from pipeline.workflows import ingest

    found = ingest.keys(config.load(ROOT / "params.yaml"), ROOT)
    if item not in found:
        raise DataError("locate", f"there is no item {item!r}; see data/quarantine.csv")
    print(found[item])


def _families(text: str) -> list[str]:
    """The families of an argument: none where it is left out, but not where it names none."""
    found = _listed(text)
    if text and not found:
        raise DataError("FAMILIES", f"got {text!r}; name at least one")
    return found


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _tell(changes: list[str]) -> None:
    for line in changes or ["params.yaml: nothing to change"]:
        print(line)
