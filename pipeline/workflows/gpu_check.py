"""Does every family train on this machine's GPU, how fast, and with how much memory?

Not a stage. Each family trains for a while on a phantom of the asked size, in every precision that
the machine knows, and samples; what fails is told and the check goes on.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.compute import PRECISIONS, Machine, autocast, choose_device, prepare
from pipeline.errors import DataError, ParameterError, choose_one_of
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.registry import FAMILIES
from pipeline.seeding import numpy_rng, seed_initialisation, torch_rng

if TYPE_CHECKING:
    from pipeline.gan.family import Family
    from pipeline.gan.rows import Rows

_IMAGES = 96
_CLASSES = ("smooth", "rough")
_WARM_UP = 3
_PIXELS = re.compile(r"[1-9][0-9]{0,4}")


@dataclass(frozen=True)
class Checked:
    """What one family did in one precision.

    Args:
        family: Its registry name.
        precision: `fp32`, `bf16` or `fp16`.
        images_a_second: Real images that it was trained on, a second.
        peak_gib: Greatest memory allocated on the GPU; 0 on a CPU.
        problem: What went wrong, or nothing.
    """

    family: str
    precision: str
    images_a_second: float
    peak_gib: float
    problem: str


def run(
    device: str,
    names: Sequence[str],
    size: Sequence[int],
    seconds: float,
    precisions: Sequence[str],
) -> Iterator[Checked]:
    """Train families for a while each.

    Args:
        device: `auto`, `cuda`, `cpu`, ...
        names: Registry names; none is all.
        size: *spatial of the images.
        seconds: For each family and precision.
        precisions: Which to try.

    Yields:
        What each did, once it has.

    Raises:
        DataError: If a name is unknown or the device is not there.
    """
    chosen = list(names) or list(FAMILIES)
    for name in chosen:
        if name not in FAMILIES:
            raise DataError("FAMILIES", choose_one_of(name, FAMILIES))
    for name in precisions:
        if name not in PRECISIONS:
            raise DataError("--precisions", choose_one_of(name, PRECISIONS))
    resolved = _device(device)
    with TemporaryDirectory() as directory:
        images = _blobs(Path(directory), tuple(size))
        for name in chosen:
            for precision in precisions:
                machine = Machine(resolved, precision=precision)
                yield _check(name, images, machine, seconds)


def parsed_size(text: str) -> tuple[int, ...]:
    """Read `64,64` or `32,32,32`.

    Raises:
        DataError: If it is neither two nor three whole numbers from 1 to 99999.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (2, 3) or not all(_PIXELS.fullmatch(part) for part in parts):
        raise DataError(
            "--size",
            f"got {text!r}; give two or three whole numbers above 0 and below 100000, "
            "e.g. 64,64 or 32,32,32",
        )
    return tuple(int(part) for part in parts)


def _device(name: str) -> str:
    """The device that `--device` asks for."""
    try:
        resolved = choose_device(name)
    except ParameterError as error:
        raise DataError(
            "--device", f"got {name!r}, which this machine lacks; use auto or cpu"
        ) from error
    if resolved == "cpu" and name == "auto":
        raise DataError(
            "--device", "got 'auto', and this machine has no GPU that PyTorch can use; give cpu"
        )
    return resolved


def _blobs(root: Path, size: tuple[int, ...]) -> ImageSet:
    """Discs with masks and a word each, in noise: fit for every diet."""
    rng = numpy_rng(0, "gpu_check")
    meta = Meta(_CLASSES, ("CT",), "HU", (-100.0, 200.0), note="Discs in noise, not scans.")
    axes = np.meshgrid(*[np.linspace(-1.0, 1.0, length) for length in size], indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    with ImageSetWriter(
        root, meta, capacity=_IMAGES, shape=(1, *size), dtype=np.int16, masks=True
    ) as writer:
        for number in range(_IMAGES):
            mask = (radius < rng.uniform(0.2, 0.7))[None]
            noise = rng.normal(0.0, 10.0 + 30.0 * (number % 2), (1, *size))
            writer.add(
                np.where(mask, 120.0, 0.0) + noise,
                image_id=f"i{number:05d}",
                label=_CLASSES[number % 2],
                patient_id=f"p{number:04d}",
                origin="real",
                mask=mask,
                attributes={"margin": "sharp" if number % 3 else "poor"},
            )
    return ImageSet.open(root)


def _check(name: str, images: ImageSet, machine: Machine, seconds: float) -> Checked:
    from pipeline.gan.rows import Rows

    kind = FAMILIES.load(name)
    try:
        prepare(machine)
        label = None if kind.conditional else _CLASSES[0]
        rows = Rows.of(images, kind, kind.Options(), label, machine.device)
        seed_initialisation(0, "gpu_check", name)
        family: Family = kind(rows.shape, kind.Options())
        speed, peak = _train(family, rows, machine, seconds)
        _sample(family, rows, machine)
    except Exception as error:  # every family is to be heard of, whatever one of them does
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Checked(name, machine.precision, 0.0, 0.0, reason)
    return Checked(name, machine.precision, speed, peak, "")


def _train(family: Family, rows: Rows, machine: Machine, seconds: float) -> tuple[float, float]:
    """Images a second after a warm-up, and the greatest memory in GiB."""
    import torch

    from pipeline.gan.family import Prepares
    from pipeline.gan.training import Session, train

    if isinstance(family, Prepares):
        family.prepare(rows.images, numpy_rng(0, "gpu_check", "prepare"))
    watch = _Watch(seconds, machine.device)
    if watch.cuda:
        torch.cuda.reset_peak_memory_stats(machine.device)
    with TemporaryDirectory() as directory:
        place = f"train_gan.options.{family.__class__.__name__.lower()}"
        session = Session("gpu-check", place, 0, machine, Path(directory), watch, lambda *_: None)
        with contextlib.suppress(_EnoughError):
            train(family, rows.diet, session)
    peak = torch.cuda.max_memory_allocated(machine.device) / 2**30 if watch.cuda else 0.0
    return watch.steps_a_second() * family.options.batch, peak


class _EnoughError(Exception):
    """The time is up."""


class _Watch:
    """Counts steps after a warm-up, and ends the training when the time is up."""

    def __init__(self, seconds: float, device: str) -> None:
        self.cuda = device.startswith("cuda")
        self._device = device
        self._seconds = seconds
        self._steps = -_WARM_UP
        self._started = time.monotonic()

    def __call__(self, steps: int, figures: Any = None, at: int | None = None) -> None:
        """Hear of steps."""
        del figures, at
        self._steps += steps
        if self._steps == 0:
            self._started = self._now()
        elif self._steps > 0 and time.monotonic() - self._started >= self._seconds:
            raise _EnoughError

    def steps_a_second(self) -> float:
        """Since the warm-up."""
        return max(self._steps, 0) / max(self._now() - self._started, 1e-9)

    def _now(self) -> float:
        """The time once the device has done what it was told."""
        import torch

        if self.cuda:
            torch.cuda.synchronize(self._device)
        return time.monotonic()


def _sample(family: Family, rows: Rows, machine: Machine) -> None:
    """Raise where what comes out is not an image."""
    import torch

    family.networks.eval()
    offer = rows.diet.offer(0, torch_rng(0, "gpu_check", "offer"))
    with torch.no_grad(), autocast(machine):
        made = family.sample(offer.given, [torch_rng(0, "gpu_check", device=machine.device)])
    if not bool(torch.isfinite(made.images).all()):
        raise ValueError("the images that it makes are not finite")
