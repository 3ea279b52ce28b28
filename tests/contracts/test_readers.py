"""Every reader gives back what somebody wrote, names what is broken, and unpickles nothing."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from pipeline import data
from pipeline.errors import DataError
from pipeline.imageset import ImageSetWriter, Meta
from pipeline.readers.reader import Record, open_reader
from pipeline.registry import READERS
from pipeline.sources.source import Broken

CLASSES = ("cyst", "metastasis")
COUNT = 6


def pixels(number: int) -> np.ndarray:
    """(1, 5, 7), in whole steps from 0 to 255."""
    return np.random.default_rng(number).integers(0, 256, (1, 5, 7)).astype(np.int16)


def label(number: int) -> str:
    """Classes alternate."""
    return CLASSES[number % 2]


def write_imageset(root: Path) -> None:
    """In this project's format."""
    meta = Meta(CLASSES, ("CT",), "HU", (0.0, 255.0))
    with ImageSetWriter(root, meta, capacity=COUNT, shape=(1, 5, 7), dtype="i2") as writer:
        for number in range(COUNT):
            writer.add(pixels(number), image_id=f"{number}", label=label(number),
                       patient_id="synthetic", origin="them")  # fmt: skip


def write_npz(root: Path) -> None:
    """As MedMNIST does, in two parts, with the names of the classes beside it."""
    arrays: dict[str, np.ndarray] = {}
    for part, numbers in (("a", range(4)), ("b", range(4, COUNT))):
        arrays[f"{part}_images"] = np.stack([pixels(n)[0] for n in numbers])
        arrays[f"{part}_labels"] = np.array([[n % 2] for n in numbers])
    np.savez_compressed(root / "set.npz", **arrays)
    (root / "card.json").write_text(json.dumps({"classes": CLASSES}))


def write_folder(root: Path) -> None:
    """Class folders of PNG files."""
    for number in range(COUNT):
        path = root / label(number) / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels(number)[0].astype(np.uint8)).save(path)


def write_nifti(root: Path) -> None:
    """Class folders of single slices, of 0.5 x 2 mm, x to the right and y to the front."""
    for number in range(COUNT):
        path = root / label(number) / f"{number}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        volume = pixels(number)[0].T[::-1, ::-1, None]
        nib.save(nib.Nifti1Image(volume, np.diag([0.5, 2.0, 1.0, 1.0])), path)


def write_dicom(root: Path) -> None:
    """One instance an image, 1000 above HU, under a table."""
    for number in range(COUNT):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, generate_uid()
        dataset.SeriesInstanceUID, dataset.Modality = generate_uid(), "CT"
        dataset.PixelSpacing = [2.0, 0.5]
        dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 5, 7, 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation = 15, 0
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1000
        dataset.PixelData = (pixels(number)[0] + 1000).astype("<u2").tobytes()
        dataset.save_as(root / f"{number}.dcm", enforce_file_format=True)
    rows = [f"{number}.dcm,{label(number)},r0f1g0" for number in range(COUNT)]
    (root / "labels.csv").write_text("\n".join(["file,label,trained_on", *rows]) + "\n")


WRITERS = {
    "imageset": write_imageset,
    "npz": write_npz,
    "folder": write_folder,
    "nifti": write_nifti,
    "dicom": write_dicom,
}


@pytest.fixture(params=list(READERS))
def written(request, tmp_path):
    """A set in one format."""
    WRITERS[request.param](tmp_path)
    return tmp_path, request.param


def test_gives_back_every_image_and_label(written):
    """Pixel for pixel, in whatever order, and recognised by what lies there."""
    root, kind = written
    reader = open_reader(root)
    assert type(reader).__module__ == f"pipeline.readers.{kind}"
    found = list(reader.records())
    assert len(found) == len(reader) == COUNT
    expected = {pixels(n).astype(float).tobytes(): label(n) for n in range(COUNT)}
    assert {each.image.astype(float).tobytes(): each.label for each in found} == expected
    assert {each.image.shape for each in found} == {(1, 5, 7)}
    if kind in ("nifti", "dicom"):
        assert {each.spacing_mm for each in found} == {(2.0, 0.5)}


def test_says_what_the_pixels_are(written):
    """HU where the format tells, nothing where nobody does, and a type that holds them."""
    root, kind = written
    about = open_reader(root).about()
    expected = {"imageset": "HU", "dicom": "HU", "folder": "grey level"}
    assert about.unit == expected.get(kind)
    assert np.can_cast(np.uint8, about.dtype)


def test_a_broken_file_is_named_with_its_reason(written):
    """And the others are read."""
    root, kind = written
    if kind in ("imageset", "npz"):
        (root / ("images.npy" if kind == "imageset" else "set.npz")).write_bytes(b"nothing")
        with pytest.raises(DataError, match=r"images\.npy|set\.npz"):
            open_reader(root, kind)
        return
    path = sorted(each for each in root.rglob("*") if each.suffix in (".png", ".gz", ".dcm"))[1]
    path.write_bytes(path.read_bytes()[:60])
    found = list(open_reader(root).records())
    (broken,) = [each for each in found if isinstance(each, Broken)]
    assert broken.key == path.relative_to(root).as_posix()
    assert broken.reason
    assert sum(isinstance(each, Record) for each in found) == COUNT - 1


def test_nothing_is_unpickled(tmp_path):
    """An array of objects is refused, not opened."""
    (tmp_path / "npz").mkdir()
    objects = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "npz/a.npz", x_images=objects, x_labels=np.zeros(1, int))
    np.savez(tmp_path / "b.npz", x_images=np.zeros((1, 4, 4)), x_labels=objects)
    for path in (tmp_path / "npz", tmp_path / "b.npz"):
        with pytest.raises(DataError, match=r"cannot be read"):
            open_reader(path)


def test_memory_does_not_grow_with_the_set(tmp_path):
    """Ten times as many images of an npz take as much memory, not ten times as much."""
    peaks = []
    for count in (40, 400):
        path = tmp_path / f"{count}.npz"
        images = np.random.default_rng(0).integers(0, 255, (count, 64, 64)).astype(np.uint8)
        np.savez(path, train_images=images, train_labels=np.zeros((count, 1), np.uint8))
        del images
        tracemalloc.start()
        for _ in open_reader(path).records():
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 400 images are 1.6 MB; what is held besides is the archive's own buffers.
    assert peaks[1] < peaks[0] + 400_000


def test_a_decathlon_list_names_masks_and_classes(tmp_path):
    """`label` is the class, or the mask where `class` is the class."""
    write_nifti(tmp_path)
    nib.save(nib.Nifti1Image(np.ones((7, 5, 1), np.uint8), np.eye(4)), tmp_path / "mask.nii")
    training = [
        {"image": "./cyst/0.nii.gz", "label": 1, "trained_on": "r0f1"},
        {"image": "cyst/2.nii.gz", "label": "mask.nii", "class": 0},
    ]
    content = {"training": training, "classes": CLASSES}
    (tmp_path / "datalist.json").write_text(json.dumps(content))
    first, second = open_reader(tmp_path).records()
    assert (first.label, first.trained_on, first.mask) == ("metastasis", "r0f1", None)
    assert second.label == "cyst"
    assert second.mask.shape == (1, 5, 7)
    assert second.mask.all()


def test_every_nifti_file_has_a_say_in_the_type(tmp_path):
    """Were the first one to decide, the others' values would be cut off."""
    for number, (dtype, top) in enumerate(((np.uint8, 255), (np.int16, 3000), (np.uint16, 60000))):
        volume = np.arange(12, dtype=dtype).reshape(3, 4, 1)
        volume[0, 0, 0] = top
        path = tmp_path / f"cyst/{number}.nii"
        path.parent.mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(volume, np.eye(4)), path)
    assert open_reader(tmp_path).about().dtype == np.int32
    images = data.open(tmp_path, unit="HU", window=(0, 3000), cache=tmp_path / "cache")
    assert images.stored().max((1, 2, 3)).tolist() == [255, 3000, 60000]
    floats = nib.Nifti1Image(np.full((3, 4, 1), 0.5, np.float32), np.eye(4))
    nib.save(floats, tmp_path / "cyst/9.nii")
    assert open_reader(tmp_path).about().dtype == np.float32


def test_an_npz_with_too_few_masks_is_refused(tmp_path):
    """When it is opened, and not in the middle."""
    arrays = {"x_images": np.zeros((3, 4, 4)), "x_labels": np.zeros(3, int)}
    np.savez(tmp_path / "a.npz", **arrays, x_masks=np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(DataError, match=r"a\.npz.*3 images but `x_masks\.npy` of shape \(2,"):
        open_reader(tmp_path)


def test_what_lies_elsewhere_is_not_read(tmp_path):
    """A table cannot name files outside of its set."""
    (tmp_path / "set").mkdir()
    write_folder(tmp_path / "set")
    (tmp_path / "set/labels.csv").write_text("file,label\n../secret.png,cyst\n/etc/passwd,cyst\n")
    reasons = [each.reason for each in open_reader(tmp_path / "set", "folder").records()]
    assert reasons == ["the file lies outside of the set"] * 2


def test_what_is_no_set_is_refused(tmp_path):
    """With the formats that there are."""
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(DataError, match="dicom, folder, imageset, nifti, npz"):
        open_reader(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        open_reader(tmp_path / "gone")
