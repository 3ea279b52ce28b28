"""`python -m pipeline`: what a person asks for outside DVC's stages. A command is one function."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

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
    """Run a command; a mistake ends in one sentence and exit status 1."""
    try:
        app()
    except PipelineError as error:
        sys.exit(f"Error: {error}")


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
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    _tell(edits.set_families(ROOT, wanted))


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
def verdict() -> None:
    """Print the table of arms, the verdicts and where to look.

    Example: python -m pipeline verdict
    """
    from pipeline.workflows import verdict as workflow

    workflow.run(ROOT)


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


def _tell(changes: list[str]) -> None:
    for line in changes or ["params.yaml: nothing to change"]:
        print(line)
