"""MedMNIST files: a `.npz` of images, labels and an official split; 2D and 3D, grey and colour.

The images are streamed out of the archive one by one, so that a set of several gigabytes needs
the memory of one image. Nothing is unpickled. `pipeline.sources.medmnist_sets` knows what the
labels of the published sets mean; a file of one's own in the same layout is read as well.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Section
from pipeline.errors import DataError, ParameterError, choose_one_of
from pipeline.sources import geometry
from pipeline.sources.medmnist_sets import SETS, URL
from pipeline.sources.source import Broken, Scan, Settings, Target

PARTS = ("train", "val", "test")
_GREATEST = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}


class MedMnist:
    """A source that reads one MedMNIST file.

    Args:
        path: `ingest.path`, the `.npz` file or a directory that holds it.
        options: How to read, see `Options`.
        target: What ingest asks for.

    Raises:
        PipelineError: If there is no such file, or it is damaged or not of this kind.
    """

    class Options(Section):
        """Which set to read.

        Attributes:
            name: The set, e.g. `breastmnist`; null goes by the file's name.
            resolution: Which file of a MedMNIST+ set, in pixels.
            labels: Class names by label number, instead of the published ones; two numbers may
                share a name, which joins these classes.
            download: Fetch the published file into `ingest.path` if it is not there.
        """

        name: str | None = None
        resolution: Literal[28, 64, 128, 224] = 28
        labels: Mapping[int, str] | None = None
        download: bool = False

    def __init__(self, path: Path, options: Options, target: Target) -> None:
        self._file = _locate(path, options)
        self._target = target
        self._members = _check(self._file)
        self._names = self._class_names(options)
        first = self._members["train"]
        if len(first.spatial) != len(target.size):
            raise ParameterError(
                "ingest.size",
                f"got {list(target.size)}, but this set is {len(first.spatial)}D; "
                f"give {len(first.spatial)} numbers",
            )

    def settings(self) -> Settings:
        """Say what holds for all images."""
        first = self._members["train"]
        return Settings(
            channels=("red", "green", "blue") if first.colour else ("grey",),
            unit="grey level",
            window=self._target.window or (0.0, _GREATEST[first.dtype]),
            low=0.0,
            high=_GREATEST[first.dtype],
            classes=tuple(dict.fromkeys(self._names[number] for number in sorted(self._names))),
        )

    def __len__(self) -> int:
        """Count the images of all parts."""
        return sum(member.count for member in self._members.values())

    def scans(self) -> Iterator[Scan | Broken]:
        """Decode train, val and test, each in the order of the file."""
        with zipfile.ZipFile(self._file) as archive:
            for part, member in self._members.items():
                images = _stream(archive, f"{part}_images.npy", member)
                for index, image in enumerate(images):
                    key = f"{part} image {index}"
                    if image.min() == image.max():
                        yield Broken(key, "constant: every pixel has one value")
                        continue
                    label = self._names[int(member.labels[index])]
                    yield Scan(key, label, None, self._sized(image), part=part)

    def _sized(self, image: NDArray[Any]) -> NDArray[Any]:
        """Resize to the target, whole grey levels kept whole."""
        if image.shape[1:] == self._target.size:
            return image
        sized = geometry.resize(image, self._target.size)
        return np.asarray(np.rint(sized).clip(0, _GREATEST[image.dtype]), image.dtype)

    def _class_names(self, options: Options) -> dict[int, str]:
        """Name every label number that occurs."""
        present = {int(n) for member in self._members.values() for n in np.unique(member.labels)}
        if options.labels is not None:
            if unnamed := sorted(present - set(options.labels)):
                problem = f"does not name label {unnamed[0]}, which occurs; add it"
                raise ParameterError("ingest.options.labels", problem)
            return {number: options.labels[number] for number in sorted(present)}
        published = SETS.get(options.name or self._file.stem.lower().split("_")[0])
        names = dict(enumerate(published.labels)) if published else {}
        if present <= set(names):
            return names
        return {number: str(number) for number in sorted(present)}


@dataclass(frozen=True)
class _Member:
    """The images of one part, as their headers describe them, and their labels."""

    count: int
    spatial: tuple[int, ...]
    colour: bool
    dtype: np.dtype[Any]
    labels: NDArray[np.int64]


def _locate(path: Path, options: MedMnist.Options) -> Path:
    """Find the file, or fetch it where that was asked for."""
    name, resolution = options.name, options.resolution
    if name is not None and name not in SETS and options.download:
        raise ParameterError("ingest.options.name", choose_one_of(name, SETS))
    if path.is_file():
        return path
    wanted = f"{name}.npz" if resolution == 28 else f"{name}_{resolution}.npz"
    if name is not None:
        folder = path.parent if path.suffix == ".npz" else path
        if (folder / wanted).is_file():
            return folder / wanted
        if options.download:
            return _fetch(name, resolution, folder, wanted)
        if name not in SETS:
            raise ParameterError("ingest.options.name", choose_one_of(name, SETS))
        raise ParameterError(
            "ingest.path",
            f"holds no {wanted}; put it there, or set ingest.options.download: true to fetch it",
        )
    if options.download:
        raise ParameterError("ingest.options.name", "is needed to download; say which set")
    found = sorted(path.glob("*.npz")) if path.is_dir() else []
    if len(found) != 1:
        raise ParameterError(
            "ingest.path",
            f"holds {len(found)} .npz files; name one file, or the set in ingest.options.name",
        )
    return found[0]


def _fetch(name: str, resolution: int, folder: Path, file: str) -> Path:
    """Fetch a published file and check its published md5."""
    published = SETS[name].md5
    if resolution not in published:
        problem = f"got {resolution}, but {name} is published at {sorted(published)}"
        raise ParameterError("ingest.options.resolution", problem)
    import pooch
    import requests

    url = URL.format(file=file)
    try:
        pooch.retrieve(
            url, f"md5:{published[resolution]}", fname=file, path=folder, progressbar=False
        )
    except requests.exceptions.RequestException:
        problem = "cannot be fetched: no network, or the server does not answer; get it elsewhere "
        raise DataError(url, problem + f"and put it into ingest.path as {file}") from None
    except ValueError:  # pooch has deleted the file
        problem = (
            f"was fetched, but its md5 is not the published {published[resolution]}; try again"
        )
        raise DataError(url, problem) from None
    except OSError:
        raise DataError(url, "cannot be written into ingest.path; check its permissions") from None
    return folder / file


def _check(path: Path) -> dict[str, _Member]:
    """Read labels and headers, and check that the archive is whole."""
    place = "the .npz file of ingest.path"
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            wanted = {f"{part}_{what}.npy" for part in PARTS for what in ("images", "labels")}
            if missing := sorted(wanted - names):
                problem = f"holds no {Path(missing[0]).stem}, as a MedMNIST file does"
                raise DataError(place, problem)
            if archive.testzip() is not None:
                raise DataError(place, "is damaged: a checksum in it is wrong; get it again")
            members = {part: _member(archive, part, place) for part in PARTS}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise DataError(place, "is not an .npz file, or is truncated; get it again") from None
    except ValueError:
        raise DataError(place, "holds arrays that are damaged or not plain numbers") from None
    except OSError:
        raise DataError(place, "cannot be read; check its permissions") from None
    kinds = {(member.spatial, member.colour, member.dtype) for member in members.values()}
    if len(kinds) > 1:
        raise DataError(place, "holds images of different shapes or types in train, val and test")
    return members


def _member(archive: zipfile.ZipFile, part: str, place: str) -> _Member:
    with archive.open(f"{part}_labels.npy") as file:
        labels = np.lib.format.read_array(file, allow_pickle=False)
    with archive.open(f"{part}_images.npy") as file:
        shape, dtype = _header(file)
        length = file.tell() + math.prod(shape) * dtype.itemsize
    if archive.getinfo(f"{part}_images.npy").file_size != length:
        raise ValueError("another length than the header says")
    several = labels.ndim == 2 and labels.shape[1] > 1
    if several or labels.ndim not in (1, 2):
        raise DataError(place, "has several labels an image; only one label an image is supported")
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(place, f"has {labels.dtype} labels, expected whole numbers")
    if dtype not in _GREATEST:
        raise DataError(place, f"has {dtype} images, expected uint8 or uint16")
    colour = len(shape) == 4 and shape[-1] == 3
    spatial = shape[1:-1] if colour else shape[1:]
    if len(spatial) not in (2, 3) or min(spatial, default=0) < 1:
        raise DataError(place, f"has images of shape {shape}, not (N, H, W[, 3]) or (N, D, H, W)")
    if len(labels) != shape[0]:
        raise DataError(place, f"has {shape[0]} images in {part} but {len(labels)} labels")
    flat = labels.reshape(-1).astype(np.int64)
    return _Member(shape[0], spatial, colour, dtype, flat)


def _header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read the header of an .npy stream, which then stands at the first pixel."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in read:
        raise ValueError(f"format version {version}")
    shape, fortran, dtype = read[version](file)
    if fortran:
        raise ValueError("first axis fastest, so that images cannot be read one by one")
    return shape, dtype


def _stream(archive: zipfile.ZipFile, name: str, member: _Member) -> Iterator[NDArray[Any]]:
    """Yield the images of one part, (C, *spatial)."""
    shape = (*member.spatial, 3) if member.colour else member.spatial
    length = math.prod(shape) * member.dtype.itemsize
    with archive.open(name) as file:
        _header(file)
        for _ in range(member.count):
            pixels = np.frombuffer(file.read(length), member.dtype).reshape(shape)
            yield np.moveaxis(pixels, -1, 0) if member.colour else pixels[None]
