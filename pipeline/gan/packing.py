"""Take a generator out of its project: the weights that sampling reads, and nothing of the rows.

Networks that only training needs (discriminators, encoders) stay behind, found out by watching
which tensors samples read. `check_package` then compares images bit by bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.overrides import TorchFunctionMode

from pipeline import tensorfile
from pipeline.compute import Machine
from pipeline.errors import DataError
from pipeline.gan.checkpoints import load_model
from pipeline.gan.diets.diet import Carried, Carries, Diet, Offers
from pipeline.gan.family import Family
from pipeline.gan.generator import Format, Generator, Made, computing, image_seed
from pipeline.gan.naming import file_name
from pipeline.gan.packages import SETTINGS, VERSION, open_package, read_settings
from pipeline.gan.rows import Rows, classes_made, offers_from
from pipeline.gan.sampling import sample
from pipeline.gan.sets import spacing_by_parents
from pipeline.gan.weights import flat
from pipeline.imageset import ImageSet
from pipeline.registry import DIETS, FAMILIES

_PROBES = 4


def packed_offers(template: ImageSet, machine: Machine) -> Callable[[Family, str | None], Offers]:
    """Offers as a package has them, in the project: what rows carry, or rows as sources."""

    def offers(family: Family, label: str | None) -> Offers:
        kind: Any = DIETS.load(family.batches)
        if kind.needs:
            return offers_from(template, type(family), family.options, label, machine.device)
        offered: Offers = kind.offers(_carried(template, family, label), machine.device)
        return offered

    return offers


def save_package(
    directory: Path, models: Path, template: ImageSet, family: str, machine: Machine
) -> None:
    """Write a generator's settings and weights.

    Args:
        directory: Of the package.
        models: models/<family>/r0f0g0.
        template: The fold's classically augmented training set; nothing of it is written but its
            format and, for families that read text, the texts that occur.
        family: The registry name.
        machine: Threads and precision are kept, so that images stay the same.

    Raises:
        DataError: If a model is missing, does not fit, or cannot be taken apart.
    """
    kind: type[Family] = FAMILIES.load(family)
    files: dict[str, str] = {}
    for own in [None] if kind.conditional else template.meta.classes:
        place = f"models/{file_name(own)}.safetensors"
        model, facts = load_model(models / Path(place).name)
        model.networks.to(machine.device)
        facts["options"] = _outgoing(facts["options"])
        made = _save_model(directory / place, model, facts, template, own, machine)
        files |= dict.fromkeys(made, place)
    settings = {**_settings(family, template, machine), "models": files}
    path = directory / SETTINGS
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def check_package(directory: Path, generator: Generator, template: ImageSet) -> None:
    """Compare a package's images with those of the generator that it was packed from.

    Raises:
        DataError: If one pixel, mask, parent or attribute differs.
    """
    sources = template if read_settings(directory)["needs"] else None
    packed = open_package(directory, sources=sources, device=generator.machine.device)
    for label in generator.classes:
        pairs = zip(packed.make(label, 2, 0), generator.make(label, 2, 0), strict=True)
        if not all(_same(one, other) for one, other in pairs):
            raise DataError(
                directory,
                f"makes other images of {label!r} than `{generator.family}` does in the project; "
                "a tensor that sampling needs was left behind",
            )


def _settings(family: str, template: ImageSet, machine: Machine) -> dict[str, Any]:
    """What `open_package` needs to know besides the weights."""
    stored, kind = Format.of(template), FAMILIES.load(family)
    return {
        "version": VERSION,
        "family": family,
        "needs": _needs(kind),
        "makes_masks": kind.makes_masks,
        "meta": asdict(stored.meta),
        "shape": list(stored.shape),
        "dtype": stored.dtype.name,
        "spacing_mm": list(spacing_by_parents(template)(())),
        "threads": machine.threads,
        "precision": machine.precision,
    }


def _save_model(
    path: Path,
    model: Family,
    facts: Mapping[str, Any],
    template: ImageSet,
    own: str | None,
    machine: Machine,
) -> list[str]:
    """Write what sampling reads of one model, and return the classes that it makes."""
    made = classes_made(template.meta.classes, own)
    offers = packed_offers(template, machine)(model, own)
    read = _tensors_read(model, offers, list(made.values()), machine)
    carried = Carried() if _needs(type(model)) else _carried(template, model, own)
    built = {name: facts[name] for name in ("family", "shape", "options")}
    tensorfile.save(
        path,
        flat({"networks": read, "offers": carried.tensors}),
        {**built, "classes": list(made), "offers": carried.facts},
    )
    return list(made)


def _same(one: Made, other: Made) -> bool:
    pixels, others = (
        [part for part in (each.image, each.mask) if part is not None] for each in (one, other)
    )
    return (
        len(pixels) == len(others)
        and all(map(np.array_equal, pixels, others))
        and (one.label, one.seed, one.parents) == (other.label, other.seed, other.parents)
        and dict(one.attributes) == dict(other.attributes)
    )


def _needs(kind: type[Family]) -> str:
    return str(DIETS.load(kind.batches).needs)


def _carried(template: ImageSet, family: Family, label: str | None) -> Carried:
    """What a model's rows leave behind."""
    diet: Diet = Rows.of(template, type(family), family.options, label, "cpu").diet
    assert isinstance(diet, Carries)
    return diet.carried()


def _outgoing(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options without where things lay on the machine that trained."""
    return {
        name: Path(value).name if isinstance(value, str) and "/" in value else value
        for name, value in options.items()
    }


def _tensors_read(
    family: Family, offers: Offers, labels: list[int], machine: Machine
) -> dict[str, Tensor]:
    """The tensors of a family's networks that samples of the classes read."""
    saved = family.networks.state_dict()
    watch = _Watch(
        {
            id(tensor): name
            for named in (family.networks.named_parameters, family.networks.named_buffers)
            for name, tensor in named(remove_duplicate=False)
            if name in saved
        }
    )
    seeds = [image_seed(0, str(label), each) for label in labels for each in range(_PROBES)]
    asked = [label for label in labels for _ in range(_PROBES)]
    with computing(machine), watch:
        sample(family, offers, asked, seeds, machine)
    return {name: saved[name] for name in sorted(watch.read)}


class _Watch(TorchFunctionMode):
    """Takes note of which of some tensors any function of PyTorch is handed.

    Args:
        names: By the tensors' identities.
    """

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self._names = names
        self.read: set[str] = set()

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: Any = (),
        kwargs: Any = None,
    ) -> Any:
        given = kwargs or {}
        for tensor in _tensors([args, list(given.values())]):
            if id(tensor) in self._names:
                self.read.add(self._names[id(tensor)])
        return func(*args, **given)


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
