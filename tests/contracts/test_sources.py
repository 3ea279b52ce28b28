"""What every source promises ingest, tried on a small input of each kind.

To test a new source: tests/source_inputs/<name>.py with AXES and a function `make` that writes a
small input with something broken in it. Those of the first sources are below.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from pipeline import config
from pipeline.errors import ParameterError, PipelineError
from pipeline.imageset import narrowest_dtype
from pipeline.registry import SOURCES
from pipeline.sources import validity
from pipeline.sources.source import Broken, Scan, Target
from tests import source_inputs
from tests.source_inputs import Input

PATIENTS = ("DOE^JANE", "ROE^RICHARD", "POE^EDGAR")


def phantom(path: Path, axes: int) -> Input:
    """Two classes of lesions; a phantom is never broken."""
    counts = {"cyst": 2, "metastasis": 1}
    labels = ("cyst", "cyst", "metastasis")
    return Input("phantom", axes, path / "unread", labels, 0, {"lesions": counts})


def nifti(path: Path, axes: int) -> Input:
    """Volumes with masks in a table; one is truncated, one is missing, one has no label."""
    rows = ["image,mask,label,patient"]
    for number, label in enumerate(("benign", "malignant", "benign", "benign", "")):
        voxels = np.random.default_rng(number).integers(-900, 200, (20, 18, 9)).astype(np.int16)
        mask = np.zeros(voxels.shape, np.uint8)
        mask[6:12, 5:11, 3:6] = 1
        for kind, values in (("image", voxels), ("mask", mask)):
            file = path / f"{PATIENTS[number % 3]}_{kind}_{number}.nii"
            nibabel.save(nibabel.Nifti1Image(values, np.diag([0.7, 0.7, 1.5, 1])), file)
        patient = PATIENTS[number % 3]
        rows.append(f"{patient}_image_{number}.nii,{patient}_mask_{number}.nii,{label},{patient}")
    truncated = path / f"{PATIENTS[2]}_image_2.nii"
    truncated.write_bytes(truncated.read_bytes()[:900])
    (path / f"{PATIENTS[0]}_image_3.nii").unlink()
    (path / "manifest.csv").write_text("\n".join(rows) + "\n")
    options = {"mask": "mask", "patient": "patient", "crop": "fixed", "field_of_view_mm": 8.0}
    return Input("nifti", axes, path, ("benign", "malignant"), 3, options)


def image_folder(path: Path, axes: int) -> Input:
    """PNGs in class folders; one is truncated, one is empty, one is constant."""
    for label in ("benign", "malignant"):
        (path / label).mkdir()
        for number, patient in enumerate(PATIENTS):
            pixels = np.random.default_rng(number).integers(0, 255, (20, 18), np.uint8)
            Image.fromarray(pixels).save(path / label / f"{patient}_{number}.png")
    truncated = path / "benign" / f"{PATIENTS[0]}_0.png"
    truncated.write_bytes(truncated.read_bytes()[:200])
    (path / "benign" / f"{PATIENTS[1]}_1.png").write_bytes(b"")
    Image.fromarray(np.full((20, 18), 9, np.uint8)).save(path / "malignant" / "ABE^NN_3.png")
    options = {"patient_pattern": "([A-Z]+.[A-Z]+)_"}
    labels = ("benign", "malignant", "malignant", "malignant")
    return Input("image_folder", axes, path, labels, 3, options)


def medmnist(path: Path, axes: int) -> Input:
    """A file of eight images, one of which is constant."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for part, count in (("train", 4), ("val", 2), ("test", 2)):
        arrays[f"{part}_images"] = rng.integers(0, 255, (count, *[28] * axes), np.uint8)
        arrays[f"{part}_labels"] = (np.arange(count) % 2)[:, None].astype(np.uint8)
    arrays["val_images"][1] = 7
    name = "breastmnist" if axes == 2 else "nodulemnist3d"
    np.savez(path / f"{name}.npz", **arrays)
    options = {"name": name, "labels": {0: "zero", 1: "one"}}
    labels = ("zero", "one", "zero", "one", "zero", "zero", "one")
    return Input("medmnist", axes, path / f"{name}.npz", labels, 1, options)


def dicom(path: Path, axes: int) -> Input:
    """A series for each of three patients in class folders, and a truncated file."""
    for number, (label, patient) in enumerate(
        zip(("benign", "malignant", "benign"), PATIENTS, strict=True)
    ):
        folder = path / label / patient
        folder.mkdir(parents=True)
        _write_series(folder, patient, np.random.default_rng(number))
    good = next((path / "benign" / PATIENTS[0]).iterdir())
    (path / "malignant" / f"{PATIENTS[1]}.dcm").write_bytes(good.read_bytes()[:300])
    options = {"labels": "folders", "images": "middle"}
    return Input("dicom", axes, path, ("benign", "benign", "malignant"), 1, options)


def _write_series(folder: Path, patient: str, rng: np.random.Generator) -> None:
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    for slice_number in range(8):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID = CTImageStorage
        data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        data.PatientID = data.PatientName = patient
        data.StudyInstanceUID, data.SeriesInstanceUID = study, series
        data.FrameOfReferenceUID, data.Modality = frame, "CT"
        data.ImagePositionPatient = [0, 0, 2.0 * slice_number]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness = [0.8, 0.8], 2.0
        data.InstanceNumber = 8 - slice_number
        data.Rows, data.Columns, data.SamplesPerPixel = 20, 18, 1
        data.PhotometricInterpretation = "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 1
        data.RescaleSlope, data.RescaleIntercept = 1, -1024
        data.PixelData = rng.integers(0, 1300, (20, 18)).astype(np.int16).tobytes()
        pydicom.dcmwrite(folder / f"{slice_number}.dcm", data, enforce_file_format=True)


INPUTS = {
    "phantom": (phantom, (2, 3)),
    "nifti": (nifti, (2, 3)),
    "image_folder": (image_folder, (2,)),
    "medmnist": (medmnist, (2, 3)),
    "dicom": (dicom, (2, 3)),
}
OF_THEIR_OWN = [path.stem for path in Path(source_inputs.__file__).parent.glob("[a-z]*.py")]
for own in sorted(OF_THEIR_OWN):
    described = importlib.import_module(f"tests.source_inputs.{own}")
    INPUTS[own] = (described.make, described.AXES)
CASES = [(name, axes) for name in SOURCES for axes in INPUTS.get(name, (None, (2,)))[1]]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}d")
def given(request, tmp_path) -> Input:
    """A small input of each kind of source, in 2D and where it can in 3D."""
    name, axes = request.param
    assert name in INPUTS, f"write a small input for it in tests/source_inputs/{name}.py"
    return INPUTS[name][0](tmp_path, axes)


def sound(items):
    """The usable scans."""
    return [item for item in items if isinstance(item, Scan)]


def test_its_length_is_what_it_yields(given):
    """`len` counts all that is tried, the broken included."""
    source = given.open()
    items = list(source.scans())
    assert len(items) == len(source) == len(given.labels) + given.broken


def test_labels_are_right_and_known(given):
    """Each scan has its own label, one of the source's classes where it has them."""
    source = given.open()
    labels = [scan.label for scan in sound(source.scans())]
    assert sorted(labels) == sorted(given.labels)
    classes = source.settings().classes
    assert classes is None or set(labels) <= set(classes)


def test_images_keep_to_the_settings(given):
    """Shape, range, whole numbers, masks and spacing are as announced."""
    source = given.open()
    settings = source.settings()
    for scan in sound(source.scans()):
        assert validity.problem_with(scan, settings, given.size) is None
        assert scan.image.shape == (len(settings.channels), *given.size)
        assert (scan.mask is not None) == settings.masks
        if settings.masks:
            assert scan.mask.dtype == np.uint8 and set(np.unique(scan.mask)) <= {0, 1}
        if settings.integer:
            stored = scan.image.astype(narrowest_dtype(settings.low, settings.high))
            np.testing.assert_array_equal(stored, scan.image)


def test_its_settings_are_whole(given):
    """Channels, unit, window and orientation are those of an ImageSet's meta."""
    settings = given.open().settings()
    assert settings.channels and settings.unit
    assert settings.window[0] < settings.window[1] and settings.low < settings.high
    assert settings.orientation == "image" or len(settings.orientation) == given.axes
    assert given.open(window=(-7.0, 9.0)).settings().window == (-7.0, 9.0)


def test_two_readings_agree(given):
    """Order, pixels, masks, patients and reasons are the same each time, in one object or two."""
    source = given.open()
    first, second, other = list(source.scans()), list(source.scans()), list(given.open().scans())
    for again in (second, other):
        for one, two in zip(first, again, strict=True):
            assert type(one) is type(two) and one.key == two.key
            if isinstance(one, Broken):
                assert one.reason == two.reason
                continue
            np.testing.assert_array_equal(one.image, two.image)
            np.testing.assert_array_equal(one.mask, two.mask)
            assert (one.label, one.patient, one.part) == (two.label, two.patient, two.part)


def test_keys_are_unique(given):
    """A key finds one scan."""
    keys = [item.key for item in given.open().scans()]
    assert len(set(keys)) == len(keys)


def test_what_is_broken_is_yielded_with_an_anonymous_reason(given):
    """A reason is a sentence that holds no file, folder or patient."""
    broken = [item for item in given.open().scans() if isinstance(item, Broken)]
    assert len(broken) == given.broken
    for item in broken:
        assert len(item.reason.split()) >= 2
        assert not any(name in item.reason for name in (*PATIENTS, str(given.path), item.key))


def test_attributes_name_nobody(given):
    """No attribute repeats a patient."""
    for scan in sound(given.open().scans()):
        text = " ".join(map(str, scan.attributes.values()))
        assert not any(name in text for name in PATIENTS)


def test_an_unknown_option_is_refused(given):
    """A misspelt option is a ParameterError that names it."""
    with pytest.raises(ParameterError, match=r"ingest\.options\.feild: is unknown"):
        config.options_of(SOURCES, given.source, {"feild": 1}, "ingest.options")


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "phantom"])
def test_an_absent_path_is_a_sentence(name, tmp_path):
    """A path where nothing is ends in an error of our own."""
    options = {"nifti": {"field_of_view_mm": 8.0}}.get(name, {})
    with pytest.raises(PipelineError):
        source = SOURCES.load(name)(
            tmp_path / "absent",
            config.options_of(SOURCES, name, options, "ingest.options"),
            Target((8, 8), None, 0),
        )
        if not len(source):
            raise PipelineError("ingest refuses a source without scans")
