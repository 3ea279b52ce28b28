"""What the scripts in stages/ share: parameters, tracking, one workflow, errors as a sentence."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from pipeline import config, tracking
from pipeline.errors import PipelineError
from pipeline.imageset import ImageSet
from pipeline.imageset.added import check_columns

Workflow: TypeAlias = Callable[[config.Params, Path, tracking.Run], None]
NamedWorkflow: TypeAlias = Callable[[config.Params, Path, str, tracking.Run], None]


def main(description: str, workflow: Workflow) -> None:
    """Run a stage; end the process with one sentence if the user has something to mend."""
    argparse.ArgumentParser(description=description).parse_args()
    _run(workflow)


def main_named(description: str, what: str, workflow: NamedWorkflow) -> None:
    """Run a stage for the family or arm that the command line names.

    Args:
        description: The stage's one line.
        what: What the name is a name of, e.g. `family`.
        workflow: Called with the name.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(what, help=f"the {what} to run for, as params.yaml names it")
    name: str = getattr(parser.parse_args(), what)
    # These are the long ones: no mistake in a later stage's parameters may wait for them to end.
    _run(lambda params, root, tracker: workflow(params, root, name, tracker), check=True)


def _check_columns(params: config.Params) -> None:
    """Check names of columns that were changed after `ingest` had checked them."""
    chosen = params.compare
    if (chosen.covariates or chosen.subgroups) and Path("data/images/meta.json").exists():
        manifest = ImageSet.open("data/images").manifest
        check_columns(chosen.covariates, chosen.subgroups, manifest)


def _run(workflow: Workflow, check: bool = False) -> None:
    try:
        params = config.load("params.yaml")
        if check:
            config.check_everything(params)
            _check_columns(params)
        with tracking.running(params) as tracker:
            workflow(params, Path(), tracker)
    except PipelineError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit("Interrupted; `dvc repro` goes on from here.")
