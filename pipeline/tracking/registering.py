"""Register a packed generator as a pyfunc model: versions, an alias, and what it was made from.

The model is a script (`pyfunc_model`) and the bundle as its artifact, so that loading it unpickles
nothing and needs no project.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import DataError
from pipeline.tracking.mlflow_store import Store

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

SCRIPT = Path(__file__).with_name("pyfunc_model.py")
_CONTENT = "content_sha256"
_URI = "MLFLOW_TRACKING_URI"


@dataclass(frozen=True)
class GeneratorModel:
    """What is registered.

    Args:
        name: Of the registered model.
        bundle: The directory of its MONAI Bundle.
        content: A hash that equal models share.
        classes: What can be asked for.
        shape: (C, *spatial) of an image.
        dtype: Of an image's pixels.
        masks: Whether images come with masks.
        needs: What images are made from, or nothing.
        requirements: `name==version` of what the bundle imports.
        tags: More to tell about the version.
    """

    name: str
    bundle: Path
    content: str
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    masks: bool
    needs: str
    requirements: tuple[str, ...]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Registered:
    """A version of a registered model.

    Args:
        uri: To load it by.
        version: Its number.
        created: Whether it was not there before.
    """

    uri: str
    version: int
    created: bool


def register_generator(store: Store, model: GeneratorModel, alias: str) -> Registered:
    """Register a generator, unless the same one is registered, and point an alias at it.

    Raises:
        DataError: If the alias is none that MLflow takes.
    """
    from mlflow.exceptions import MlflowException

    _check_alias(model.name, alias)
    version = _found(store, model)
    created = version is None
    number = _log(store, model) if version is None else version
    try:
        store.client.set_registered_model_alias(model.name, alias, str(number))
    except MlflowException as error:
        raise DataError("--alias", f"got {alias!r}: {error.message}") from error
    return Registered(f"models:/{model.name}@{alias}", number, created)


def signature(model: GeneratorModel) -> ModelSignature:
    """Rows of label, count and seed -> named tensors."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

    rows = (("string", "label"), ("long", "count"), ("long", "seed"))
    made: list[ColSpec | TensorSpec] = [
        TensorSpec(model.dtype, (-1, *model.shape), "images"),
        TensorSpec(np.dtype("str"), (-1,), "labels"),
    ]
    if model.masks:
        made.append(TensorSpec(np.dtype(np.uint8), (-1, 1, *model.shape[1:]), "masks"))
    params = [ParamSpec("sources", "string", ""), ParamSpec("device", "string", "cpu")]
    return ModelSignature(
        Schema([ColSpec(kind, name) for kind, name in rows]), Schema(made), ParamSchema(params)
    )


def _check_alias(name: str, alias: str) -> None:
    """Refuse what MLflow would refuse, which it does after a version is made."""
    if alias.lower() == "latest":
        raise DataError(
            "--alias",
            f"MLflow keeps `latest` for itself (models:/{name}/latest is the newest version); "
            "choose another, e.g. current",
        )
    if not re.fullmatch(r"[\w-]+", alias, re.A) or re.fullmatch(r"v\d+", alias, re.I):
        raise DataError(
            "--alias",
            f"got {alias!r}; give letters, digits, _ and -, and no version as v1 is, e.g. current",
        )


def _found(store: Store, model: GeneratorModel) -> int | None:
    """The newest version with the same content."""
    versions = store.client.search_model_versions(f"name = '{model.name}'")
    same = [int(each.version) for each in versions if each.tags.get(_CONTENT) == model.content]
    return max(same, default=None)


def _log(store: Store, model: GeneratorModel) -> int:
    """Make the next version, with a run and a logged model to show where it came from."""
    from mlflow.entities import LoggedModelOutput

    client, tags = store.client, {**model.tags, _CONTENT: model.content}
    # MLflow's own way would tag the run with this machine's user and program.
    run = client.create_run(
        store.experiment, run_name=f"register {model.name}", tags={**tags, "stage": "register"}
    ).info.run_id
    try:
        logged = client.create_logged_model(store.experiment, model.name, run).model_id
        with TemporaryDirectory() as directory, _quietly():
            _save(Path(directory) / "model", model, run, logged)
            client.log_model_artifacts(logged, str(Path(directory) / "model"))
        client.finalize_logged_model(logged, "READY")
        client.log_outputs(run, [LoggedModelOutput(logged, step=0)])
        _ensure_registered(store, model.name)
        # A registry in a file looks the logged model up by MLflow's own functions.
        with _fluent(store):
            made = client.create_model_version(
                model.name, f"models:/{logged}", run, tags, await_creation_for=0, model_id=logged
            )
    except BaseException:
        client.set_terminated(run, "FAILED")
        raise
    client.set_terminated(run)
    return int(made.version)


def _save(directory: Path, model: GeneratorModel, run: str, logged: str) -> None:
    """Write what is registered, without where it was on this machine."""
    import mlflow
    from mlflow.models import Model

    mlflow.pyfunc.save_model(
        path=str(directory),
        python_model=str(SCRIPT),
        mlflow_model=Model(run_id=run, model_uuid=logged, model_id=logged),
        artifacts={"bundle": str(model.bundle)},
        signature=signature(model),
        input_example=None if model.needs else _example(model),
        pip_requirements=[*model.requirements, f"mlflow=={mlflow.__version__}"],
    )
    described = Model.load(str(directory))
    flavor = described.flavors[mlflow.pyfunc.FLAVOR_NAME]
    flavor["model_code_path"] = SCRIPT.name
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    described.save(str(directory / "MLmodel"))
    for cache in list(directory.rglob("__pycache__")):
        shutil.rmtree(cache)


def _ensure_registered(store: Store, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        store.client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _example(model: GeneratorModel) -> Any:
    import pandas as pd

    classes = list(model.classes)
    return pd.DataFrame({"label": classes, "count": [1] * len(classes), "seed": [0] * len(classes)})


@contextmanager
def _fluent(store: Store) -> Iterator[None]:
    """Point MLflow's own functions at a store for the length of a block."""
    import mlflow

    before = os.environ.get(_URI)
    mlflow.set_tracking_uri(store.uri)
    try:
        yield
    finally:
        # What is set here goes into the environment as well, and wins over it from then on.
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # as MLflow does itself
        if before is not None:
            os.environ[_URI] = before


@contextmanager
def _quietly() -> Iterator[None]:
    """MLflow's advice about type hints and versions is for those who write models by hand."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logger = logging.getLogger("mlflow")
    before = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(before)
