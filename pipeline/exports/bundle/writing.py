"""Write a trained family as a MONAI Bundle.

    configs/   metadata.json, inference.json, generator.json, schema.json, logging.conf
    models/    *.safetensors, what sampling reads of the averaged weights
    docs/      README.md (the model card), data_license.txt
    <family>_generator_<hash>/   the program, as far as this family samples with it
    LICENSE, requirements.txt

The same model, data and program give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipeline
from pipeline import lockfile
from pipeline.config import Params
from pipeline.exports.bundle import configs
from pipeline.exports.bundle.card import Origin, card, data_license, figures_of, origin_of
from pipeline.exports.bundle.program import Program, copy_program, program_of
from pipeline.exports.facts import facts_of
from pipeline.gan.generator import Generator
from pipeline.gan.packages import read_settings
from pipeline.gan.packing import check_package, save_package
from pipeline.gan.trained import locate, machine_of, open_trained
from pipeline.registry import DIETS, FAMILIES

_ENTRY = "pipeline.exports.bundle.inference"
# For `python -m monai.bundle`, which MONAI itself does not ask for.
_COMMAND = ("fire", "jsonschema")


@dataclass(frozen=True)
class Bundle:
    """A written bundle.

    Args:
        directory: Where it lies.
        package: The name of its program.
        requirements: `name==version` of everything that it imports.
        content: A hash of program, settings and weights: equal for bundles that make the same
            images with the same program.
        dvc_md5: DVC's hash of the family's models, or nothing.
        needs: What images are made from, or nothing.
        generator: That it was packed from.
    """

    directory: Path
    package: str
    requirements: tuple[str, ...]
    content: str
    dvc_md5: str
    needs: str
    generator: Generator


def write_bundle(
    params: Params,
    root: Path,
    family: str,
    model: str,
    directory: Path,
    licence: str | None = None,
) -> Bundle:
    """Write a trained family's bundle, and check that it makes the project's images.

    Args:
        params: For the machine, and for what kind of scans there are.
        root: The project's root.
        family: A trained family.
        model: Whose: the fold and GAN seed, e.g. `r0f0g0`.
        directory: Where to; made if absent.
        licence: Of the training images, in words; `ingest.licence` by default.

    Raises:
        DataError: If the family is not trained, or its models or training rows do not fit.
    """
    models, training = locate(root, family, model)
    generator = open_trained(params.compute, root, family, model)
    save_package(directory, models, training, family, machine_of(params.compute))
    check_package(directory, generator, training)
    program = program_of(_modules(family))
    name = f"{family}_generator_{program.digest[:8]}"
    copy_program(program, directory, name)
    facts = facts_of(params, root, family, trained_here=True)
    md5, needs = models_md5(root, family), read_settings(directory)["needs"]
    origin = origin_of(facts, model, training, md5, needs)
    requirements = _requirements(program)
    documents = {
        **_documents(generator, program, name, origin),
        "docs/data_license.txt": data_license(origin, licence),
        "requirements.txt": "\n".join([*requirements, *_COMMAND]) + "\n",
    }
    _write(documents, directory)
    return Bundle(directory, name, requirements, _content(directory, name), md5, needs, generator)


def models_md5(root: Path, family: str) -> str:
    """DVC's hash of a family's models, or nothing where dvc.lock does not know them."""
    outputs = [
        entry.outputs
        for entry in lockfile.read(root / "dvc.lock", "train_gan")
        if entry.item == family
    ]
    return outputs[0].get(f"models/{family}", "") if outputs else ""


def _documents(
    generator: Generator, program: Program, package: str, origin: Origin
) -> dict[str, str]:
    """What the bundle is and how it runs, by place."""
    latents = configs.latents_of(generator, origin.needs)
    figures = figures_of(origin.found)
    described = configs.metadata(
        generator, program, latents, origin=origin.facts.origin, figures=figures
    )
    return {
        "configs/metadata.json": _json(described),
        "configs/inference.json": _json(configs.inference(package, latents)),
        "configs/schema.json": _json(configs.schema()),
        "configs/logging.conf": configs.LOGGING,
        "docs/README.md": card(origin, generator.format, package, latents),
        "LICENSE": _licence(),
    }


def _write(documents: Mapping[str, str], directory: Path) -> None:
    for place, text in documents.items():
        path = directory / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _modules(family: str) -> list[str]:
    """Where following the imports begins: the entry, and what it loads by name."""
    names = (FAMILIES.entries[family], DIETS.entries[FAMILIES.load(family).batches])
    return [_ENTRY, *(name.partition(":")[0] for name in names)]


def _requirements(program: Program) -> tuple[str, ...]:
    found = configs.versions(program.required | {"monai"})
    return tuple(f"{name}=={version}" for name, version in found.items())


def _content(directory: Path, package: str) -> str:
    whole = hashlib.sha256()
    parts = (directory / "configs/generator.json", *(directory / "models").rglob("*"))
    for path in sorted((*parts, *(directory / package).rglob("*.py"))):
        whole.update(path.relative_to(directory).as_posix().encode() + path.read_bytes())
    return whole.hexdigest()


def _licence() -> str:
    path = Path(pipeline.__path__[0]).parent / "LICENSE"
    if path.exists():
        return path.read_text(encoding="utf-8")
    return "Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0\n"


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
