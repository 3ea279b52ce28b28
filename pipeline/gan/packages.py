"""Open a generator that has left its project, as `packing` wrote it.

`configs/generator.json` says what images are stored as and which file makes which class;
`models/<class or all>.safetensors` hold the tensors that sampling reads and, for families that
read text, which texts there were. Nothing here needs the project or its data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline import tensorfile
from pipeline.compute import Machine, choose_device
from pipeline.errors import DataError, ParameterError
from pipeline.gan.diets.diet import Carried, Offers
from pipeline.gan.family import Family, Shape
from pipeline.gan.generator import Format, Generator, Maker
from pipeline.gan.rows import classes_made, offers_from
from pipeline.gan.weights import below
from pipeline.imageset import ImageSet, Meta
from pipeline.registry import DIETS, FAMILIES

SETTINGS = Path("configs/generator.json")
VERSION = 1


def read_settings(directory: Path) -> dict[str, Any]:
    """The content of a package's settings file.

    Raises:
        DataError: If the file is missing, damaged, or of another version.
    """
    path = directory / SETTINGS
    try:
        settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = settings["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(path, "is missing or damaged; take a whole copy of the package") from error
    if version != VERSION:
        raise DataError(path, f"has version {version}, and this program reads {VERSION}")
    return settings


def stored_format(settings: Mapping[str, Any]) -> Format:
    """What a package's images are stored as."""
    values = dict(settings["meta"])
    for name in ("classes", "channels", "window"):
        values[name] = tuple(values[name])
    return Format(Meta(**values), tuple(settings["shape"]), np.dtype(settings["dtype"]))


def open_package(
    directory: Path, *, sources: ImageSet | None = None, device: str = "cpu"
) -> Generator:
    """Open a package.

    Args:
        directory: That `save_package` wrote to.
        sources: Images to make others from, for families whose settings say what they `need`.
        device: Where to compute; `auto` is a GPU where there is one.

    Raises:
        DataError: If the package is damaged, or the device is not there.
    """
    settings = read_settings(directory)
    machine = Machine(_device(device), settings["threads"], precision=settings["precision"])

    def load(label: str) -> Maker:
        path = directory / settings["models"][label]
        if not path.exists():
            raise DataError(path, "is missing; take a whole copy of the package")
        model, facts, carried = _load(path)
        model.networks.to(machine.device)
        kind = DIETS.load(model.batches)
        if not kind.needs:
            offers = kind.offers(carried, machine.device)
        else:
            own = None if model.conditional else label
            offers = _checked_sources(model, own, label, sources, kind.needs, machine.device)
        return Maker(model, offers, facts["classes"].index(label))

    return Generator(settings["family"], stored_format(settings), load, machine)


def _device(name: str) -> str:
    """Resolve a device, whose name no params.yaml holds here."""
    try:
        # Nothing can be computed on `meta`, which is always there.
        found = None if name == "meta" else choose_device(name)
    except ParameterError:
        found = None
    if found is None:
        raise DataError("device", f"got {name!r}, which this machine lacks; use auto or cpu")
    return found


def _load(path: Path) -> tuple[Family, dict[str, Any], Carried]:
    """Build a family with the tensors that are there; what only training needs is taken out."""
    tensors, facts = tensorfile.load(path, stage="package")
    try:
        kind = FAMILIES.load(facts["family"])
        shape = Shape(**{**facts["shape"], "size": tuple(facts["shape"]["size"])})
        # Layers draw their first weights from the process's own generator, which is the user's.
        with torch.random.fork_rng(devices=[]):
            family: Family = kind(shape, kind.Options.model_validate(facts["options"]))
        weights = below(tensors, "networks.")
        for name, network in list(family.networks.items()):
            owned = [f"{name}.{key}" for key in network.state_dict()]
            if owned and not any(key in weights for key in owned):
                del family.networks[name]
        _, strange = family.networks.load_state_dict(weights, strict=False)
        if strange:
            raise KeyError(f"nothing is called {strange[0]}")
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(path, f"does not fit its program ({reason}); pack it again") from error
    family.networks.eval().requires_grad_(False)
    return family, facts, Carried(below(tensors, "offers."), facts["offers"])


def _checked_sources(
    family: Family,
    own: str | None,
    label: str,
    sources: ImageSet | None,
    needs: str,
    device: str,
) -> Offers:
    """Offers of a user's images, tried once."""
    if sources is None:
        raise DataError(
            "sources",
            f"this generator makes images from {needs}, and none were given; give an .npz file "
            "or an ImageSet with yours",
        )
    try:
        offers = offers_from(sources, type(family), family.options, own, device)
        made = classes_made(sources.meta.classes, own)
        offers.offer(made[label], torch.Generator().manual_seed(0))
    except (KeyError, IndexError, RuntimeError, ParameterError) as error:
        raise DataError(
            sources.root, f"has nothing to make {label!r} from; this generator needs {needs}"
        ) from error
    return offers
