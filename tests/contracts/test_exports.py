"""Every export keeps what was selected, checks out, streams, and opens in its foreign reader."""

from __future__ import annotations

import csv
import gc
import json
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image

from pipeline.exports.export import Shipment
from pipeline.exports.folder import Folder
from pipeline.imageset import ImageSet
from pipeline.registry import EXPORTS
from tests.shipments import COLOURS, FACTS, ship, synthetic_set

# MONAI warns that its optional GPU decoder for DICOM is absent; it reads NIfTI here.
pytestmark = pytest.mark.filterwarnings("ignore:NvImgCodecPydicomReader:UserWarning")
KINDS: dict[str, dict[str, Any]] = {
    "2D": {"size": (8, 6)},
    "3D": {"size": (8, 6, 4)},
    "colours": {
        "size": (8, 6),
        "channels": COLOURS,
        "unit": "grey level",
        "dtype": np.uint8,
        "window": (0.0, 255.0),
        "orientation": "image",
        "spacing_mm": None,
    },
    "float": {"size": (8, 6, 4), "dtype": np.float32},
    "without masks": {"size": (8, 6), "masks": False},
}
# What shows the window with 8 bits rather than the unit.
SHOWN = ("png", "image_folder", "npz")
# Rows 0, 1, 2, 4 and 5 of six are selected.
SELECTED = [0, 1, 2, 4, 5]


def read_table(directory: Path) -> list[dict[str, str]]:
    """Rows of labels.csv."""
    with (directory / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_png(directory: Path, _: ImageSet) -> Iterator[tuple[str, np.ndarray]]:
    """By PIL."""
    for row in read_table(directory):
        with Image.open(directory / row["file"]) as picture:
            yield row["label"], np.asarray(picture)


def read_npz(directory: Path, images: ImageSet) -> Iterator[tuple[str, np.ndarray]]:
    """By NumPy, as MedMNIST's data sets do."""
    with np.load(directory / "synthetic.npz", allow_pickle=False) as archive:
        for part in ("val", "test"):
            assert archive[f"{part}_images"].shape[1:] == archive["train_images"].shape[1:]
            assert len(archive[f"{part}_images"]) == len(archive[f"{part}_labels"]) == 0
        labels = json.loads((directory / "info.json").read_text())["label"]
        for pixels, index in zip(archive["train_images"], archive["train_labels"], strict=True):
            assert index.shape == (1,)
            yield labels[str(index[0])], pixels


def read_nifti(directory: Path, _: ImageSet) -> Iterator[tuple[str, np.ndarray]]:
    """By nibabel."""
    for row in read_table(directory):
        yield row["label"], np.asarray(nib.load(directory / row["file"]).dataobj)


def read_datalist(directory: Path, images: ImageSet) -> Iterator[tuple[str, np.ndarray]]:
    """By MONAI's own loader."""
    from monai.data import load_decathlon_datalist
    from monai.transforms import LoadImage

    listing = str(directory / "datalist.json")
    entries = load_decathlon_datalist(listing, images.has_masks, "training_r0f0g0")
    assert entries == load_decathlon_datalist(listing, images.has_masks)
    classes = json.loads((directory / "datalist.json").read_text())["labels"]
    for entry in entries:
        yield classes[str(entry["class"])], np.asarray(LoadImage(image_only=True)(entry["image"]))


def read_dicom(directory: Path, images: ImageSet) -> Iterator[tuple[str, np.ndarray]]:
    """By pydicom, in the unit that the rescaling gives back."""
    for row in read_table(directory):
        path = directory / row["file"]
        slices = [pydicom.dcmread(file) for file in sorted(path.glob("*.dcm"))]
        planes = [
            pydicom.pixels.apply_rescale(each.pixel_array, each)
            for each in slices or [pydicom.dcmread(path)]
        ]
        yield row["label"], np.stack(planes, -1) if slices else planes[0]


READERS: dict[str, Callable[[Path, ImageSet], Iterator[tuple[str, np.ndarray]]]] = {
    "png": read_png,
    "image_folder": read_png,
    "npz": read_npz,
    "nifti": read_nifti,
    "monai_datalist": read_datalist,
    "dicom": read_dicom,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(EXPORTS))
def test_a_foreign_reader_finds_every_selected_image(name: str, kind: str, tmp_path: Path) -> None:
    """Each in its place with its label and its pixels, whatever the images are.

    Formats that keep the unit give back every value, DICOM's 16 bits a fraction within half a step
    of them; those that show the window are within half a step of 8 bits, and of a volume a picture
    shows the middle slice.
    """
    images = synthetic_set(tmp_path / "r0f0g0", **KINDS[kind])
    found = list(READERS[name](ship(name, images, tmp_path / "out"), images))
    assert [label for label, _ in found] == [images.manifest["label"][row] for row in SELECTED]
    low, high = images.meta.window
    # Single precision, and the 16 characters that DICOM has for a slope, cost less than 0.02.
    halves = {"dicom": 0.51 / 65535 if images.dtype.kind == "f" else 0.0}
    halves |= dict.fromkeys(SHOWN, 0.51 / 255)
    for row, (_, pixels) in zip(SELECTED, found, strict=True):
        stored = images.stored([row])[0].astype(float)
        if name in ("png", "image_folder") and stored.ndim == 4:
            stored = stored[..., stored.shape[-1] // 2]
        value = low + pixels / 255 * (high - low) if name in SHOWN else pixels
        # Where channels are one, or NIfTI puts a slice before them, an axis has the length one.
        wanted, value = np.moveaxis(stored, 0, -1).squeeze(), np.squeeze(value)
        assert value.shape == wanted.shape
        assert np.abs(value - wanted).max() <= halves.get(name, 0.0) * (high - low)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(EXPORTS))
def test_two_exports_of_one_set_have_equal_bytes_and_true_checksums(
    name: str, kind: str, tmp_path: Path
) -> None:
    """Nothing in them tells the time, and `sha256sum` knows every file."""
    images = synthetic_set(tmp_path / "r0f0g0", **KINDS[kind])
    first, second = (ship(name, images, tmp_path / copy) for copy in ("first", "second"))
    files = [path.relative_to(first) for path in sorted(first.rglob("*")) if path.is_file()]
    for file in files:
        assert (first / file).read_bytes() == (second / file).read_bytes(), file
    listed = [line.split("  ", 1)[1] for line in (first / "SHA256SUMS").read_text().splitlines()]
    assert sorted(listed) == sorted(str(file) for file in files if file.name != "SHA256SUMS")
    assert {"card.json", "card.md"} <= set(listed)
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=first, capture_output=True
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", list(EXPORTS))
def test_all_means_all(name: str, tmp_path: Path) -> None:
    """The sixth image leaves too, marked as not selected where there is a table."""
    images = synthetic_set(tmp_path / "r0f0g0", (8, 6))
    out = ship(name, images, tmp_path / "out", everything=True)
    assert len(list(READERS[name](out, images))) == 6
    if (out / "labels.csv").exists():
        assert [row["selected"] for row in read_table(out)] == ["1", "1", "1", "0", "1", "1"]


@pytest.mark.parametrize("name", list(EXPORTS))
def test_folds_stay_apart(name: str, tmp_path: Path) -> None:
    """Each image says which fold made it, and equal ids in two folds do not collide."""
    sets = [synthetic_set(tmp_path / fold, (8, 6)) for fold in ("r0f0g0", "r0f1g0")]
    out = ship(name, sets, tmp_path / "out")
    card = json.loads((out / "card.json").read_text())
    assert card["counts"] == {
        "cyst": {"r0f0g0": 3, "r0f1g0": 3},
        "a/b": {"r0f0g0": 2, "r0f1g0": 2},
    }
    if (out / "labels.csv").exists():
        told = [row["trained_on"] for row in read_table(out)]
        assert told == ["r0f0g0"] * 5 + ["r0f1g0"] * 5


class Collecting(Folder):
    """A folder at whose every file garbage in cycles is collected: what counts is what is held."""

    def file(self, name: str) -> AbstractContextManager[Path]:
        """As ever."""
        gc.collect()
        return super().file(name)


@pytest.fixture
def frozen_heap() -> Iterator[None]:
    """Spare the collector all that was there before, which makes it quick."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("frozen_heap")
@pytest.mark.parametrize("name", list(EXPORTS))
def test_memory_does_not_grow_with_the_images(name: str, tmp_path: Path) -> None:
    """More images cost less than a row of a table each, let alone the 2 KiB of their pixels.

    Python's own allocations are counted; the images are mapped, which the system may drop. The
    free lists of the interpreter and of NumPy grow with the first images and no further, so that
    the first export is not counted; that of samples holds 2000.
    """
    counts = {"dicom": (40, 100), "npz": (2000, 2400)}.get(name, (100, 300))
    kind, peaks = EXPORTS.load(name), []
    for number, count in enumerate((counts[0], *counts)):
        images = synthetic_set(tmp_path / f"{number}/r0f0g0", (32, 32), count=count)
        shipment = Shipment((images,), FACTS)
        with Collecting(tmp_path / f"out{number}") as folder:
            if number > 0:
                tracemalloc.start()
            kind(kind.Options()).write(shipment, folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A row's six or more cells as Python strings take over 500 bytes; half of that is refused.
    more = 0.75 * (counts[1] - counts[0])
    assert peaks[2] - peaks[1] < 250 * more, peaks


def test_torchvision_reads_the_class_folders(tmp_path: Path) -> None:
    """ImageFolder finds the images of one fold, in its own order of classes."""
    torchvision = pytest.importorskip(
        "torchvision.datasets", reason="torchvision is not installed", exc_type=ImportError
    )
    images = synthetic_set(tmp_path / "r0f0g0", (8, 6))
    out = ship("image_folder", images, tmp_path / "out")
    dataset = torchvision.ImageFolder(out / "images/r0f0g0")
    assert dataset.classes == ["a_b", "cyst"]
    assert [label for _, label in dataset.samples] == [0, 0, 1, 1, 1]
    assert dataset[0][0].size == (6, 8)


def test_class_folders_hold_classes_alone(tmp_path: Path) -> None:
    """What ImageFolder takes for classes: every folder below the root, and none is empty."""
    images = synthetic_set(tmp_path / "r0f0g0", (8, 6))
    root = ship("image_folder", images, tmp_path / "out") / "images/r0f0g0"
    found = {path.name: len(list(path.glob("*.png"))) for path in root.iterdir()}
    assert found == {"cyst": 3, "a_b": 2}


def test_medmnist_reads_the_npz(tmp_path: Path) -> None:
    """MedMNIST's own class opens it under a name of its INFO."""
    medmnist = pytest.importorskip(
        "medmnist", reason="medmnist is not installed", exc_type=ImportError
    )
    images = synthetic_set(tmp_path / "r0f0g0", (28, 28), masks=False)
    out = ship("npz", images, tmp_path / "out")
    shutil.copy(out / "synthetic.npz", out / "breastmnist.npz")
    dataset = medmnist.BreastMNIST(split="train", root=str(out), download=False)
    picture, label = dataset[1]
    assert len(dataset) == 5
    assert picture.size == (28, 28)
    assert label.tolist() == [1]
