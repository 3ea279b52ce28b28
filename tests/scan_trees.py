"""Small trees of scans, as people have them, whose files and headers name patients."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

PATIENTS = ("DOE^JANE", "ROE^RICHARD", "POE^EDGAR", "MOE^MARY", "LOE^LISA", "KOE^KARL")
LABELS = ("benign", "malignant")


def dicom(root: Path, *, labels: str = "table", slices: int = 5) -> Path:
    """A CT series of 20 x 18 pixels for each of six patients, three of each class.

    Args:
        root: An empty directory.
        labels: `table` for labels.csv by PatientID and a folder a patient, `folders` for class
            folders, `none` for folders of patients alone.
        slices: Of each series.
    """
    rows = ["PatientID,diagnosis"]
    for number, patient in enumerate(PATIENTS):
        label = LABELS[number % 2]
        folder = root / label / patient if labels == "folders" else root / patient
        folder.mkdir(parents=True)
        series = generate_uid(), generate_uid()
        for place in range(slices):
            header = _header(patient, *series, place, np.random.default_rng([number, place]))
            pydicom.dcmwrite(folder / f"IM{place}", header, enforce_file_format=True)
        rows.append(f"{patient},{label}")
    if labels == "table":
        (root / "labels.csv").write_text("\n".join(rows) + "\n")
    return root


def nifti(root: Path, *, table: bool = True) -> Path:
    """Volumes of 20 x 18 x 9 voxels of 0.7 x 0.7 x 1.5 mm in HU, with masks; one is truncated."""
    rows = ["image,mask,label,patient_id"]
    for number, patient in enumerate(PATIENTS):
        voxels = np.random.default_rng(number).integers(-900, 200, (20, 18, 9)).astype(np.int16)
        inside = np.zeros(voxels.shape, np.uint8)
        inside[6:12, 5:11, 3:6] = 1
        names = f"{patient}.nii", f"{patient}_mask.nii"
        for name, values in zip(names, (voxels, inside), strict=True):
            nibabel.save(nibabel.Nifti1Image(values, np.diag([0.7, 0.7, 1.5, 1])), root / name)
        rows.append(f"{names[0]},{names[1]},{LABELS[number % 2]},{patient}")
    truncated = root / f"{PATIENTS[5]}.nii"
    truncated.write_bytes(truncated.read_bytes()[:900])
    if table:
        (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    return root


def pictures(root: Path, classes: tuple[str, ...] = LABELS) -> Path:
    """PNGs of 20 x 18 pixels in class folders, each file bearing a patient; one is truncated."""
    for position, label in enumerate(classes):
        (root / label).mkdir(parents=True)
        for number, patient in enumerate(PATIENTS):
            rng = np.random.default_rng([position, number])
            picture = Image.fromarray(rng.integers(0, 255, (20, 18), np.uint8))
            picture.save(root / label / f"{patient}_{number}.png")
    truncated = root / classes[0] / f"{PATIENTS[0]}_0.png"
    truncated.write_bytes(truncated.read_bytes()[:200])
    return root


def npz(root: Path, name: str = "breastmnist") -> Path:
    """Ten images of 28 x 28 in MedMNIST's layout: 6 train, 2 val, 2 test, labels in turn."""
    arrays = {}
    for part, count in (("train", 6), ("val", 2), ("test", 2)):
        rng = np.random.default_rng(count)
        arrays[f"{part}_images"] = rng.integers(0, 255, (count, 28, 28), np.uint8)
        arrays[f"{part}_labels"] = (np.arange(count) % 2)[:, None].astype(np.uint8)
    np.savez(root / f"{name}.npz", **arrays)
    return root


def _header(
    patient: str, study: str, series: str, place: int, rng: np.random.Generator
) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    header.SOPClassUID = CTImageStorage
    header.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    header.PatientID = header.PatientName = patient
    header.StudyInstanceUID, header.SeriesInstanceUID = study, series
    header.Modality, header.InstanceNumber = "CT", place + 1
    header.ImagePositionPatient = [0, 0, 2.0 * place]
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    header.PixelSpacing, header.SliceThickness = [0.8, 0.8], 2.0
    header.Rows, header.Columns, header.SamplesPerPixel = 20, 18, 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit, header.PixelRepresentation = 15, 1
    header.RescaleSlope, header.RescaleIntercept = 1, -1024
    header.WindowCenter, header.WindowWidth = 40, 400
    header.PixelData = rng.integers(0, 1300, (20, 18)).astype(np.int16).tobytes()
    return header
