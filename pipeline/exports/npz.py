"""One .npz file in MedMNIST's layout, all of it the part `train`, and a table of labels.

`train_images` is (N, rows, columns), with colours last where there are three, and (N, rows,
columns, slices) in 3D; `train_labels` is (N, 1), counting the classes of `info.json`. The parts
`val` and `test` are there and empty: nobody validates or tests on synthetic images. Beside
MedMNIST's own there are `train_masks`, `train_ids` and `train_trained_on`. Grey values show the
stated window. Members are written one after another, image by image.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import IO, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Section
from pipeline.errors import DataError
from pipeline.exports.export import DESCRIBED, Shipment
from pipeline.exports.folder import Folder
from pipeline.exports.pictures import grey_levels

FILE = "synthetic.npz"


class NpzOptions(Section):
    """How the file is made.

    Args:
        bits: Of a grey value; MedMNIST's own readers take 8.
        compressed: Whether the members are deflated.
    """

    bits: Literal[8, 16] = 8
    compressed: bool = True


class Npz:
    """The export `npz`."""

    Options: ClassVar[type[Section]] = NpzOptions
    opening: ClassVar[str] = """\
import numpy as np
data = np.load("synthetic.npz")
images, labels = data["train_images"], data["train_labels"][:, 0]"""

    def __init__(self, options: NpzOptions) -> None:
        self._options = options

    def write(self, shipment: Shipment, folder: Folder) -> None:
        """Write `synthetic.npz`, `info.json` and `labels.csv`.

        Raises:
            DataError: If the images have neither one nor three channels.
        """
        if len(shipment.meta.channels) not in (1, 3):
            raise DataError(
                shipment.sets[0].root,
                f"has {len(shipment.meta.channels)} channels, but MedMNIST's images have one or "
                "three; take `npz` out of export.formats",
            )
        kind = zipfile.ZIP_DEFLATED if self._options.compressed else zipfile.ZIP_STORED
        with folder.file(FILE) as path, zipfile.ZipFile(path, "w", kind) as archive:
            for name, member in self._members(shipment).items():
                # A ZipInfo without a date has the earliest that there is, the same at any time.
                entry = zipfile.ZipInfo(f"{name}.npy")
                entry.compress_type = kind
                with archive.open(entry, "w", force_zip64=True) as file:
                    _write(file, *member)
        folder.text("info.json", json.dumps(_info(shipment), indent=2, ensure_ascii=False) + "\n")
        with folder.table("labels.csv", ("image_id", *DESCRIBED)) as add:
            for sample in shipment.samples():
                add((sample.image_id, *sample.described))

    def _members(self, shipment: Shipment) -> dict[str, Member]:
        """Name -> dtype, shape, and the rows one at a time."""
        bits, meta, count = self._options.bits, shipment.meta, len(shipment)
        grey = np.dtype(np.uint8 if bits == 8 else np.uint16)
        colours = (3,) if len(meta.channels) == 3 else ()
        shape = (*shipment.shape[1:], *colours)
        index = {label: number for number, label in enumerate(meta.classes)}
        number = np.dtype(np.uint8 if len(index) <= 256 else np.int64)
        images = (_last(grey_levels(each.image, meta, bits)) for each in shipment.samples())
        labels = (np.array([index[each.label]], number) for each in shipment.samples())
        members: dict[str, Member] = {
            "train_images": (grey, (count, *shape), images),
            "train_labels": (number, (count, 1), labels),
        }
        for part in ("val", "test"):
            members[f"{part}_images"] = (grey, (0, *shape), iter(()))
            members[f"{part}_labels"] = (number, (0, 1), iter(()))
        if shipment.has_masks:
            masks = (each.mask[0] for each in shipment.samples() if each.mask is not None)
            members["train_masks"] = (np.dtype(np.uint8), (count, *shipment.shape[1:]), masks)
        for name in ("image_id", "trained_on"):
            longest = max(len(getattr(each, name)) for each in shipment.samples())
            text = np.dtype(f"<U{longest}")
            texts = _texts(shipment, name, text)
            members["train_ids" if name == "image_id" else f"train_{name}"] = (
                text,
                (count,),
                texts,
            )
        return members


Member = tuple[np.dtype[Any], tuple[int, ...], Iterator[NDArray[Any]]]


def _texts(shipment: Shipment, name: str, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    for each in shipment.samples():
        yield np.array(getattr(each, name), dtype)


def _last(image: NDArray[Any]) -> NDArray[Any]:
    """(C, *spatial) as (*spatial, C), without C where it is one."""
    return image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)


def _write(
    file: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...], rows: Iterator[NDArray[Any]]
) -> None:
    """Write one array as .npy, a row at a time."""
    descr = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for row in rows:
        file.write(np.ascontiguousarray(row, dtype).tobytes())


def _info(shipment: Shipment) -> dict[str, Any]:
    """What MedMNIST tells of a set in its INFO."""
    meta = shipment.meta
    return {
        "python_class": "Synthetic",
        "description": f"Synthetic images of {shipment.facts.name}.",
        "task": "binary-class" if len(meta.classes) == 2 else "multi-class",
        "label": {str(number): name for number, name in enumerate(meta.classes)},
        "n_channels": len(meta.channels),
        "n_samples": {"train": len(shipment), "val": 0, "test": 0},
        "license": shipment.facts.licence,
    }
