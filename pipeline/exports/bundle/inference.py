"""What a bundle runs: `configs/inference.json` names the classes of this file.

In a bundle this file is part of a copy of the program that lies beside `configs/`.
"""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.errors import DataError, PipelineError, choose_one_of
from pipeline.gan.family import Walks
from pipeline.gan.generator import Format, Generator, Made
from pipeline.gan.given import open_given
from pipeline.gan.packages import SETTINGS, open_package, read_settings, stored_format
from pipeline.gan.sets import spacing_by_parents
from pipeline.imageset.orientation import axes_of

FORMATS = ("npz", "nifti")
_ABOVE = 3
Spacing: TypeAlias = Callable[[Sequence[str]], tuple[float, ...]]


def bundle_root() -> Path:
    """The bundle that this copy of the program lies in."""
    return Path(__file__).resolve().parents[_ABOVE]


def open_bundle(
    sources: str | Path | None = None, device: str = "cpu", root: Path | str | None = None
) -> Generator:
    """Open the bundle's generator, to call `make(label, count, seed)` on.

    Args:
        sources: Your own images, for a generator that makes images from others.
        device: `cpu`, `cuda`, ...
        root: The bundle's directory; by default the one that holds this file.

    Raises:
        DataError: If the bundle is damaged, the images do not fit, or the device is not there.
    """
    return _opened(sources, device, bundle_root() if root is None else Path(root))[0]


class Sampler:
    """Writes images; a mistake in what is asked ends the process in one sentence.

    Args:
        sources: As `open_bundle` takes them.
        device: Likewise.
    """

    def __init__(self, sources: str | None = None, device: str = "cpu") -> None:
        try:
            self._generator, self._spacing = _opened(sources, device, bundle_root())
        except PipelineError as error:
            _stop(error)

    def write(
        self, label: object, count: int, seed: int, output_dir: str, output_format: str = "npz"
    ) -> None:
        """Make images of a class, or of all, and write them with a table of labels.

        Args:
            label: A class; None is all of them.
            count: Images of each class.
            seed: Of the images.
            output_dir: A directory without a `labels.csv`.
            output_format: `npz` for one file, `nifti` for one file an image.
        """
        try:
            labels = _checked(self._generator, label, count, seed, output_format)
            made = (each for name in labels for each in self._generator.make(name, count, seed))
            self._write(made, count * len(labels), Path(str(output_dir)), output_format)
        except PipelineError as error:
            _stop(error)

    def _write(self, made: Iterable[Made], total: int, out: Path, output_format: str) -> None:
        if (out / "labels.csv").exists():
            raise DataError(out, "holds images already; choose another output_dir")
        images = iter(made)
        # The first image shows whether anything can be made, before there is a directory.
        first = next(images)
        whole = itertools.chain([first], images)
        try:
            out.mkdir(parents=True, exist_ok=True)
            if output_format == "npz":
                rows = _write_npz(out, whole, total)
            else:
                rows = _write_nifti(out, whole, total, self._generator.format, self._spacing)
            _write_table(out / "labels.csv", rows)
        except OSError as error:
            raise DataError(
                "output_dir", f"{str(out)!r} cannot be written to; choose another"
            ) from error


class LatentNetwork(nn.Module):
    """The trained network as a function of what it draws, in the training's scaling.

    (N, *latent) -> (N, C, *spatial) in [-1, 1], of one class.

    Args:
        label: The class; None is the first.
        device: Where to compute.
    """

    def __init__(self, label: object = None, device: str = "cpu") -> None:
        super().__init__()
        generator = open_bundle(device=device)
        maker = generator.maker(generator.classes[0] if label is None else str(label))
        offer = maker.offers.offer(maker.label, torch.Generator().manual_seed(0))
        assert isinstance(maker.family, Walks)
        self.networks = maker.family.networks
        self._decode, self._given = maker.family.decode, offer.given

    def forward(self, latents: Tensor) -> Tensor:
        """Make an image of each latent."""
        return torch.cat([self._decode(each[None], self._given).images for each in latents])


def _stop(error: PipelineError) -> NoReturn:
    sys.exit(f"Error: {error}")


def _opened(sources: object, device: object, directory: Path) -> tuple[Generator, Spacing]:
    """A bundle's generator, and how to tell its images' pixel spacing."""
    settings = read_settings(directory)
    shared = tuple(settings["spacing_mm"])
    if sources is None or sources == "":
        return open_package(directory, device=str(device)), lambda _: shared
    given = open_given(Path(str(sources)), stored_format(settings))
    spacing = spacing_by_parents(given) if settings["needs"] else lambda _: shared
    return open_package(directory, sources=given, device=str(device)), spacing


def _checked(
    generator: Generator, label: object, count: int, seed: int, output_format: str
) -> tuple[str, ...]:
    """The classes that are asked for, if all else that is asked for is possible."""
    if output_format not in FORMATS:
        raise DataError("output_format", choose_one_of(output_format, FORMATS))
    for name, value, least in (("count", count, 1), ("seed", seed, 0)):
        if not isinstance(value, int) or value < least:
            raise DataError(name, f"got {value!r}; give a whole number from {least} on")
    return generator.classes if label is None else (str(label),)


def _write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _row(made: Made, file: str) -> dict[str, object]:
    named: Mapping[str, object] = made.attributes
    told = {"file": file, "label": made.label, "seed": made.seed}
    return {**told, "made_from": " ".join(made.parents), **named}


def _write_npz(out: Path, made: Iterable[Made], count: int) -> list[dict[str, object]]:
    """One file with `images`, `labels` and, where there are any, `masks`."""
    arrays: dict[str, NDArray[Any]] = {}
    rows = []
    for number, each in enumerate(made):
        parts = {"images": each.image, "masks": each.mask}
        for name, part in parts.items():
            if part is not None:
                empty = arrays.setdefault(name, np.empty((count, *part.shape), part.dtype))
                empty[number] = part
        rows.append(_row(each, f"images.npz#{number}"))
    labels = np.array([str(row["label"]) for row in rows])
    np.savez_compressed(out / "images.npz", labels=labels, **arrays)  # type: ignore[arg-type]
    return rows


def _write_nifti(
    out: Path, made: Iterable[Made], count: int, stored: Format, spacing: Spacing
) -> list[dict[str, object]]:
    """A file an image, one in memory at a time."""
    try:
        from pipeline.exports.nifti_file import save_nifti
    except ImportError as error:
        raise DataError("output_format", "nifti needs the package nibabel; use npz") from error
    meta = stored.meta
    axes = axes_of(meta.orientation, len(stored.shape) - 1, place=SETTINGS)
    rows = []
    for number, each in enumerate(made):
        name = f"{number:0{len(str(count))}d}"
        for ending, part, unit in (("", each.image, meta.unit), ("-mask", each.mask, "mask")):
            if part is not None:
                path = out / f"{name}{ending}.nii.gz"
                save_nifti(path, part, axes, spacing(each.parents), unit)
        rows.append(_row(each, f"{name}.nii.gz"))
    return rows
