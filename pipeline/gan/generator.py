"""A trained family as one thing that makes labelled images, each from a label and a seed alone.

The one way to images from trained weights: the stage `synthesize`, the command `sample`, packages
and the page of families all come through here. `of_models` opens what `train_gan` wrote,
`packages.open_package` what has left the project.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline import compute
from pipeline.compute import Machine
from pipeline.errors import DataError, ParameterError, choose_one_of
from pipeline.gan.checkpoints import load_model
from pipeline.gan.diets.diet import Asked, Asks, Offers
from pipeline.gan.family import Family
from pipeline.gan.naming import file_name
from pipeline.gan.rows import Rows
from pipeline.gan.sampling import sample
from pipeline.imageset import ImageSet, Meta
from pipeline.registry import FAMILIES
from pipeline.seeding import derive


@dataclass(frozen=True)
class Format:
    """What images are stored as.

    Args:
        meta: Classes, channels, unit, window.
        shape: (C, *spatial) of one image.
        dtype: Of its pixels.
    """

    meta: Meta
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, images: ImageSet) -> Format:
        """That of a set."""
        return cls(images.meta, images.shape, images.dtype)


@dataclass(frozen=True)
class Made:
    """One image.

    Args:
        image: (C, *spatial) in the stored unit and type.
        mask: (1, *spatial) uint8 of what the label is about, where the family makes masks.
        label: Its class.
        seed: What it was made from.
        parents: Ids of the real images that it owes pixels to.
        attributes: What it was asked to have, by manifest column.
    """

    image: NDArray[Any]
    mask: NDArray[np.uint8] | None
    label: str
    seed: int
    parents: tuple[str, ...]
    attributes: Mapping[str, object]


@dataclass(frozen=True)
class Maker:
    """What makes the images of one class.

    Args:
        family: In evaluation mode, on the device.
        offers: What images are made from.
        label: The class index as the family counts them.
    """

    family: Family
    offers: Offers
    label: int


class Generator:
    """Makes images of the classes that a family has learnt.

    Args:
        family: Its registry name.
        stored: What images are stored as.
        load: Class -> what makes it; the last one asked for is kept, so that one is held at once.
        machine: Device, threads and precision.
    """

    def __init__(
        self, family: str, stored: Format, load: Callable[[str], Maker], machine: Machine
    ) -> None:
        self.family = family
        self.format = stored
        self.machine = machine
        self._load = load
        self._held: dict[str, Maker] = {}

    @property
    def classes(self) -> tuple[str, ...]:
        """What can be asked for."""
        return self.format.meta.classes

    @property
    def makes_masks(self) -> bool:
        """Whether every image comes with a mask."""
        return bool(FAMILIES.load(self.family).makes_masks)

    def make(self, label: str, count: int, seed: int) -> Iterator[Made]:
        """Make images 0 to `count` - 1 of a class; image i is the same whatever the count.

        Raises:
            DataError: If there is no such class, or if the model, or what its images are made
                from, does not fit.
        """
        return self.from_seeds(label, (image_seed(seed, label, index) for index in range(count)))

    def from_seeds(self, label: str, seeds: Iterable[int]) -> Iterator[Made]:
        """Make an image from each seed; see `make`."""
        maker = self.maker(label)
        meta, dtype = self.format.meta, self.format.dtype
        for seed in seeds:
            with computing(self.machine):
                (made,) = sample(maker.family, maker.offers, [maker.label], [seed], self.machine)
            yield Made(
                meta.unscale(made.image, dtype),
                made.mask,
                label,
                seed,
                made.parents,
                made.attributes,
            )

    def maker(self, label: str) -> Maker:
        """What makes a class."""
        if label not in self.classes:
            raise DataError("label", choose_one_of(label, self.classes))
        if label not in self._held:
            self._held = {label: self._load(label)}
        return self._held[label]


def image_seed(seed: int, label: str, index: int) -> int:
    """The seed of image number `index` of a class, out of the seed that a person gives."""
    return derive(seed, "sample", label, index)


def of_models(
    directory: Path,
    template: ImageSet,
    family: str,
    machine: Machine,
    offers: Callable[[Family, str | None], Offers],
) -> Generator:
    """Open the models of a fold.

    Args:
        directory: models/<family>/r0f0g0.
        template: The set that the models learnt from.
        family: The registry name.
        machine: Device, threads and precision.
        offers: (a family, its one class or None) -> what it makes images from.
    """
    kind: type[Family] = FAMILIES.load(family)

    def load(label: str) -> Maker:
        own = None if kind.conditional else label
        path = directory / f"{file_name(own)}.safetensors"
        model, facts = load_model(path)
        made = offers(model, own)
        shape = (facts["shape"]["channels"], *facts["shape"]["size"])
        classes = list(template.meta.classes) if own is None else [own]
        if facts["classes"] != classes or shape != template.shape:
            raise DataError(path, "was trained on other classes or sizes; run the stage train_gan")
        model.networks.to(machine.device)
        return Maker(model, made, classes.index(label))

    return Generator(family, Format.of(template), load, machine)


def training_offers(
    template: ImageSet, machine: Machine, wanted: Mapping[str, str], place: str
) -> Callable[[Family, str | None], Offers]:
    """Offers of the training rows, as `synthesize` has them.

    Args:
        template: The fold's classically augmented training set.
        machine: For the device.
        wanted: Attributes by column that every image shall have.
        place: The parameter that wants them, for messages.
    """

    def offers(family: Family, label: str | None) -> Offers:
        diet = Rows.of(template, type(family), family.options, label, machine.device).diet
        if not wanted:
            return diet
        if not isinstance(diet, Asks):
            name = place.rpartition(".")[2]
            raise ParameterError(place, f"`{name}` is told no attributes; ask `stackgan`")
        return Asked(diet, wanted, place)

    return offers


@contextlib.contextmanager
def computing(machine: Machine) -> Iterator[None]:
    """Compute repeatably for the length of a block, and leave the process as it was."""
    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    compute.prepare(machine)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict, warn_only=warns)
        torch.backends.cudnn.benchmark = benchmark
