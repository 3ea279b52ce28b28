"""A bundle's JSON: what it is (`metadata`), how it runs (`inference`), and what checks the former.

`metadata.json` names MONAI's own schema, which `monai.bundle verify_metadata` downloads unless the
file is there; `schema.json` asks the same of it in this project's words, so that it can be checked
where there is no network.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from pipeline.exports.bundle.program import Program
from pipeline.exports.facts import PURPOSE, version
from pipeline.gan.family import Walks
from pipeline.gan.generator import Generator
from pipeline.registry import FAMILIES

SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20240725.json"
)
LOGGING = """[loggers]
keys=root

[handlers]
keys=console

[formatters]
keys=plain

[logger_root]
level=INFO
handlers=console

[handler_console]
class=StreamHandler
level=INFO
formatter=plain
args=(sys.stdout,)

[formatter_plain]
format=%(asctime)s %(levelname)s %(message)s
"""
# What every MONAI has, told in fields of their own.
_TOLD = {"monai": "monai", "pytorch": "torch", "numpy": "numpy"}


@dataclass(frozen=True)
class Latents:
    """What a family's network is fed.

    Args:
        shape: Of one latent, channels first.
    """

    shape: tuple[int, ...]


def latents_of(generator: Generator, needs: str) -> Latents | None:
    """What the network is fed, or None where an image needs more than that."""
    maker = generator.maker(generator.classes[0])
    if needs or not isinstance(maker.family, Walks):
        return None
    rng = torch.Generator(generator.machine.device).manual_seed(0)
    return Latents(tuple(maker.family.latents([rng]).shape[1:]))


def metadata(
    generator: Generator,
    program: Program,
    latents: Latents | None,
    *,
    origin: str,
    figures: Mapping[str, float],
) -> dict[str, Any]:
    """The content of metadata.json.

    Args:
        generator: The bundle's.
        program: For the packages that it needs.
        latents: As `latents_of` gives them.
        origin: Where the training images came from.
        figures: Fidelity, by metric.
    """
    told = ", ".join(generator.classes)
    return {
        "schema": SCHEMA,
        "version": "1.0.0",
        "changelog": {"1.0.0": "packed"},
        "name": f"{generator.family} generator of synthetic images",
        **{f"{name}_version": version(library) for name, library in _TOLD.items()},
        "required_packages_version": versions(program.required - set(_TOLD.values())),
        "task": "Make synthetic, labelled images for training a classifier",
        "description": summary(FAMILIES.load(generator.family)),
        "authors": "whoever trained it; see docs/README.md",
        "copyright": "program: Apache-2.0; weights: see docs/data_license.txt",
        "data_source": origin,
        "data_type": "array",
        "image_classes": told,
        "pred_classes": f"a synthetic image of the class that is asked for: {told}",
        "eval_metrics": dict(figures),
        "intended_use": PURPOSE,
        "references": [],
        "network_data_format": _network(generator, latents),
    }


def inference(package: str, latents: Latents | None) -> dict[str, Any]:
    """The content of inference.json.

    Args:
        package: The name of the program's copy.
        latents: As `latents_of` gives them.
    """
    module = f"{package}.exports.bundle.inference"
    settings: dict[str, Any] = {
        "label": None,
        "count": 8,
        "seed": 0,
        "output_dir": "eval",
        "output_format": "npz",
        "sources": None,
        "device": "cpu",
        "sampler": {"_target_": f"{module}.Sampler", "sources": "@sources", "device": "@device"},
        "run": ["$@sampler.write(@label, @count, @seed, @output_dir, @output_format)"],
    }
    if latents is not None:
        network = {"_target_": f"{module}.LatentNetwork", "label": "@label", "device": "@device"}
        settings["network_def"] = network
    return settings


def schema() -> dict[str, Any]:
    """What metadata.json must hold, as a JSON schema."""
    text = {"type": "string"}
    versions_of = {"type": "object", "additionalProperties": text}
    tensor = {
        "type": "object",
        "required": ["type", "format", "num_channels", "spatial_shape", "dtype", "value_range"],
        "properties": {
            "num_channels": {"type": "integer", "minimum": 1},
            "spatial_shape": {"type": "array", "items": {"type": ["integer", "string"]}},
            "value_range": {"type": "array", "items": {"type": "number"}},
            **dict.fromkeys(("type", "format", "dtype"), text),
        },
    }
    tensors = {"type": "object", "minProperties": 1, "additionalProperties": tensor}
    texts = ("schema", "version", "monai_version", "pytorch_version", "numpy_version", "task")
    more = ("description", "authors", "copyright")
    objects = {
        "required_packages_version": versions_of,
        "network_data_format": {
            "type": "object",
            "required": ["inputs", "outputs"],
            "properties": {"inputs": tensors, "outputs": tensors},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "type": "object",
        "required": [*texts, *more, *objects],
        "properties": {**dict.fromkeys((*texts, *more), text), **objects},
    }


def versions(names: frozenset[str]) -> dict[str, str]:
    """Installed versions of import names, by the name that pip knows; absent ones are left out."""
    known = importlib.metadata.packages_distributions()
    found = sorted({known[name][0] for name in names if name in known})
    return {name: told for name in found if (told := version(name)) is not None}


def summary(family: type[Any]) -> str:
    """The first paragraph of a family's own description."""
    text = str(importlib.import_module(family.__module__).__doc__)
    return " ".join(text.split("\n\n")[0].split())


def _network(generator: Generator, latents: Latents | None) -> dict[str, Any]:
    """What goes into the network and what comes out of it."""
    image = _tensor("image", generator.format.shape, "synthetic image", [-1.0, 1.0])
    return {"inputs": {"image": _input(generator, latents)}, "outputs": {"pred": image}}


def _input(generator: Generator, latents: Latents | None) -> dict[str, Any]:
    if latents is None:
        return _tensor("image", generator.format.shape, "image to make another from", [-1.0, 1.0])
    return _tensor("latent", latents.shape, "independent, normally distributed number", [])


def _tensor(
    kind: str, shape: tuple[int, ...], meaning: str, value_range: list[float]
) -> dict[str, Any]:
    return {
        "type": kind,
        "format": "magnitude" if kind == "image" else kind,
        "num_channels": shape[0],
        "spatial_shape": list(shape[1:]),
        "dtype": "float32",
        "value_range": value_range,
        "is_patch_data": False,
        "channel_def": {"0": meaning},
    }
