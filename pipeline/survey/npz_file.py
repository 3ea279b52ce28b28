"""One `.npz` file in MedMNIST's layout; what is in another is told by its shapes alone."""

from __future__ import annotations

import math
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.sources.medmnist_sets import SETS
from pipeline.survey.classes import Classes
from pipeline.survey.contents import Contents
from pipeline.survey.description import Description, Sample, Values, ranges

PARTS = ("train", "val", "test")
_NEEDED = [f"{part}_{what}" for part in PARTS for what in ("images", "labels")]
_READ = 64
_MOST_PIXELS = 2**27


def describe(contents: Contents) -> Description:
    """Read headers, labels and some pixels.

    Raises:
        DataError: If there is more than one file, or it is damaged.
    """
    files = contents.of("npz")
    if len(files) != 1:
        raise DataError("PATH", f"holds {len(files)} .npz files; name one of them")
    path = contents.root / files[0]
    shapes = _shapes(path)
    missing = [name for name in _NEEDED if name not in shapes]
    if missing:
        return _foreign(files[0], shapes, missing)
    labels = {part: _array(path, f"{part}_labels") for part in PARTS}
    unfit = [name for part in PARTS for name in _unfit(part, shapes, labels[part])]
    if unfit:
        return _foreign(files[0], shapes, unfit)
    name = path.stem.lower().split("_")[0]
    spatial = _spatial(shapes["train_images"])
    numbers = np.concatenate([found.reshape(-1) for found in labels.values()]).astype(np.int64)
    published = SETS[name].labels if name in SETS else ()
    counts = Counter({_named(int(n), published): int((numbers == n).sum()) for n in set(numbers)})
    parts = ", ".join(f"{part} {len(found)}" for part, found in labels.items())
    return Description(
        form="npz in MedMNIST's layout",
        source="medmnist",
        said=[
            ("images", f"{len(numbers)}: {parts} (official split)"),
            ("patients", "not told: every image counts as a patient of its own"),
            ("set", f"{name}, as published" if published else "not a published one by its name"),
            ("size", ranges([spatial], "px")),
            ("spacing", "not told"),
            ("values", _values(path, shapes).shown("grey level")),
        ],
        size=spatial,
        window=None,
        options={"name": name} if published else {},
        classes=Classes(counts, "label numbers", published=bool(published)),
        sample=Sample({files[0]: files[0]}, None, {}),
    )


def _spatial(images: tuple[int, ...]) -> tuple[int, ...]:
    """The size of an image, without colours."""
    return images[1:-1] if len(images) == 4 and images[-1] == 3 else images[1:]


def _named(number: int, published: tuple[str, ...]) -> str:
    return published[number] if number < len(published) else str(number)


def _foreign(file: str, shapes: dict[str, tuple[int, ...]], missing: list[str]) -> Description:
    told = "; ".join(" x ".join(map(str, shape)) or "a number" for shape in shapes.values())
    return Description(
        form="npz of another layout",
        source=None,
        said=[("arrays", f"{len(shapes)}, of the shapes {told}")],
        size=(),
        window=None,
        options={},
        classes=None,
        sample=Sample({file: file}, None, {}),
        missing=[
            f"the arrays {', '.join(missing)}: save them by numpy.savez, images as (N, H, W), "
            "(N, H, W, 3) or (N, D, H, W) in uint8 or uint16, labels as whole numbers "
            "from 0, (N,) or (N, 1)"
        ],
    )


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of all arrays, from their headers."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith(".npy")]
            found = {}
            for name in members:
                with archive.open(name) as file:
                    version = np.lib.format.read_magic(file)
                    read = _HEADERS.get(version, np.lib.format.read_array_header_1_0)
                    found[name.removesuffix(".npy")] = tuple(read(file)[0])
            return found
    except (zipfile.BadZipFile, ValueError, EOFError, OSError):
        raise DataError("the .npz file", "is damaged, or no .npz file; get it again") from None


_HEADERS: dict[tuple[int, int], Any] = {(2, 0): np.lib.format.read_array_header_2_0}


def _unfit(part: str, shapes: dict[str, tuple[int, ...]], labels: NDArray[Any]) -> list[str]:
    """Names of a part's arrays that are there and no images, or no labels of them."""
    images = shapes[f"{part}_images"]
    fit = {
        "images": len(images) in (3, 4) and min(images[1:]) > 0,
        "labels": (
            labels.dtype.kind in "iu"
            and labels.shape in (images[:1], (*images[:1], 1))
            and not (labels < 0).any()
        ),
    }
    return [f"{part}_{name}" for name, fits in fit.items() if not fits]


def _array(path: Path, name: str) -> NDArray[Any]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found: NDArray[Any] = arrays[name]
            return found
    except Exception:  # zip, zlib and NumPy raise what damaged bytes lead them to
        raise DataError("the .npz file", "is damaged, or holds no plain numbers") from None


def _values(path: Path, shapes: dict[str, tuple[int, ...]]) -> Values:
    """Pixels of a part that fits in memory."""
    values = Values()
    part = min(PARTS, key=lambda part: math.prod(shapes[f"{part}_images"]))
    if math.prod(shapes[f"{part}_images"]) <= _MOST_PIXELS:
        for image in _array(path, f"{part}_images")[:_READ]:
            values.add(image)
    return values
