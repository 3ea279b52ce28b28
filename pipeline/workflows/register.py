"""The command register: a trained family as a model in MLflow's registry."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipeline import tracking
from pipeline.config import Params
from pipeline.doctor import tracking_store
from pipeline.doctor.finding import Project
from pipeline.errors import ParameterError, PipelineError
from pipeline.tracking import GeneratorModel, Registered

if TYPE_CHECKING:
    from pipeline.exports.bundle.writing import Bundle


def run(
    params: Params, root: Path, family: str, model: str = "r0f0g0", alias: str = "current"
) -> Registered:
    """Pack a trained family and register it as `<family>-<model>`.

    Args:
        params: See `write_bundle`.
        root: The project's root.
        family: A trained family.
        model: Whose: the fold and GAN seed.
        alias: By which the version is found.

    Raises:
        ParameterError: If tracking is off.
        DataError: If the family is not trained, or MLflow's store cannot be used.
    """
    from pipeline.exports.bundle.writing import write_bundle

    if not params.tracking.enabled:
        raise ParameterError(
            "tracking.enabled",
            "is false, so there is no registry; set it to true, or write the model to a "
            f"directory with: python -m pipeline package {family}",
        )
    with TemporaryDirectory() as directory:
        bundle = write_bundle(params, root, family, model, Path(directory) / "bundle")
        packed = _described(bundle, family, model)
        try:
            return tracking.register_generator(tracking.open_store(params), packed, alias)
        except PipelineError:
            raise
        except Exception as error:
            raise tracking_store.unusable(Project(root, params), error) from error


def _described(bundle: Bundle, family: str, model: str) -> GeneratorModel:
    """A bundle as the registry has it."""
    generator = bundle.generator
    tags = {"family": family, "fold": model, "dvc_md5": bundle.dvc_md5}
    return GeneratorModel(
        name=f"{family}-{model}",
        bundle=bundle.directory,
        content=bundle.content,
        classes=generator.classes,
        shape=generator.format.shape,
        dtype=generator.format.dtype,
        masks=generator.makes_masks,
        needs=bundle.needs,
        requirements=bundle.requirements,
        tags={**{name: tag for name, tag in tags.items() if tag}, **tracking.circumstances()},
    )
