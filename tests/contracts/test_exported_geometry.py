"""What leaves as DICOM and NIfTI comes back: unit, spacing, orientation and masks.

Read by pydicom and nibabel alone, and placed by the headers alone: the affine that DICOM's headers
give (PS3.3 C.7.6.2.1.1) must be the one that NIfTI's gives, in millimetres.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_rescale

from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.sources.phantom import Phantom, PhantomOptions
from pipeline.sources.source import Scan, Target
from tests.shipments import COLOURS, ship, synthetic_set

MR = {"channels": ("MR",), "unit": "grey level"}
# Name -> a set, and where rows, columns and slices (or the normal) point in RAS.
P, L, S, A, R, F = (0, -1, 0), (-1, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, -1)
CASES: dict[str, tuple[dict[str, Any], tuple[tuple[int, int, int], ...]]] = {
    "axial slice": ({"size": (9, 7)}, (P, L, S)),
    "axial volume": ({"size": (9, 7, 3)}, (P, L, S)),
    "floats": ({"size": (9, 7, 3), "dtype": np.float32}, (P, L, S)),
    "upside down": ({"size": (9, 7), "orientation": "AL"}, (A, L, F)),
    "coronal": ({"size": (9, 7, 3), "orientation": "ILA"}, (F, L, A)),
    "sagittal": ({"size": (9, 7), "orientation": "IP"}, (F, P, R)),
    "mirrored stack": ({"size": (9, 7, 3), "orientation": "PLI"}, (P, L, F)),
    "as RAS": ({"size": (9, 7, 3), "orientation": "RAS"}, (R, A, S)),
    "MR": ({"size": (9, 7, 3), "dtype": np.float32, **MR}, (P, L, S)),
    "wide integers": ({"size": (9, 7), "dtype": np.int32, "window": (-1e6, 1e6)}, (P, L, S)),
    "unsigned": ({"size": (9, 7), "dtype": np.uint16, "window": (0, 6e4)}, (P, L, S)),
}


def rows_of(directory: Path) -> list[dict[str, str]]:
    """Rows of labels.csv."""
    with (directory / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def slices_of(path: Path) -> list[Dataset]:
    """The instances of an image, by number."""
    files = path.glob("*.dcm") if path.is_dir() else [path]
    return sorted((pydicom.dcmread(file) for file in files), key=lambda d: int(d.InstanceNumber))


def dicom_affine(slices: list[Dataset]) -> np.ndarray:
    """(4, 4) from (row, column, slice) to RAS."""
    first, last = slices[0], slices[-1]
    orientation = np.array(first.ImageOrientationPatient, float)
    along_columns, along_rows = orientation[:3], orientation[3:]
    between_rows, between_columns = map(float, first.PixelSpacing)
    origin = np.array(first.ImagePositionPatient, float)
    step = np.cross(along_columns, along_rows)
    if len(slices) > 1:
        step = (np.array(last.ImagePositionPatient, float) - origin) / (len(slices) - 1)
    matrix = np.eye(4)
    matrix[:3] = np.stack(
        [along_rows * between_rows, along_columns * between_columns, step, origin], 1
    )
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix


def dicom_mask(path: Path, slices: list[Dataset]) -> np.ndarray:
    """(rows, columns, slices), from the segments' labels and the images that frames refer to."""
    header = pydicom.dcmread(path)
    frames = header.pixel_array.reshape(-1, header.Rows, header.Columns)
    place = {each.SOPInstanceUID: index for index, each in enumerate(slices)}
    value = {each.SegmentNumber: int(each.SegmentLabel.split()[-1])
             for each in header.SegmentSequence}  # fmt: skip
    mask = np.zeros((header.Rows, header.Columns, len(slices)), np.uint8)
    for frame, groups in zip(frames, header.PerFrameFunctionalGroupsSequence, strict=True):
        image = groups.DerivationImageSequence[0].SourceImageSequence[0]
        segment = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        mask[..., place[image.ReferencedSOPInstanceUID]] += frame * np.uint8(value[segment])
    return mask


@pytest.mark.parametrize("case", CASES)
def test_dicom_gives_back_values_places_and_masks(case: str, tmp_path: Path) -> None:
    """Within half a stored unit, which is nothing for whole numbers that fit 16 bits."""
    arguments, directions = CASES[case]
    images = synthetic_set(tmp_path / "r0f0g0", **arguments)
    out = ship("dicom", images, tmp_path / "out", everything=True)
    spacing = np.diag([0.7, 1.23047, 2.5 if images.spatial_dims == 3 else 1.0])
    for number, row in enumerate(rows_of(out)):
        slices = slices_of(out / row["file"])
        found = np.stack([apply_rescale(each.pixel_array, each) for each in slices], -1)
        stored = images.stored([number])[0, 0].astype(np.float64).reshape(found.shape)
        slope = float(slices[0].RescaleSlope)
        assert np.abs(found - stored).max() <= slope / 2 * (1 + 1e-6)
        if images.dtype in (np.int16, np.uint16):
            assert np.array_equal(found, stored)
        else:
            assert slope < (stored.max() - stored.min()) / 65000
        affine = dicom_affine(slices)
        assert np.array_equal(affine[:3, :3], np.array(directions).T @ spacing)
        assert np.array_equal(affine[:3, 3], [0, 0, 0])
        mask = dicom_mask(out / row["mask"], slices)
        assert np.array_equal(mask, images.masks([number])[0, 0].reshape(mask.shape))


@pytest.mark.parametrize("case", CASES)
def test_nifti_gives_back_values_places_and_masks(case: str, tmp_path: Path) -> None:
    """Exactly; the spacing in the single precision that the format has."""
    arguments, directions = CASES[case]
    images = synthetic_set(tmp_path / "r0f0g0", **arguments)
    out = ship("nifti", images, tmp_path / "out", everything=True)
    spacing = (0.7, 1.23047, 2.5 if images.spatial_dims == 3 else 1.0)
    expected = (np.array(directions).T @ np.diag(spacing)).astype(np.float32)
    for number, row in enumerate(rows_of(out)):
        image, mask = (nib.load(out / row[name]) for name in ("file", "mask"))
        assert image.get_data_dtype() == images.dtype
        assert np.array_equal(np.asarray(image.dataobj), images.stored([number])[0, 0])
        assert np.array_equal(np.asarray(mask.dataobj), images.masks([number])[0, 0])
        for each in (image, mask):
            assert np.array_equal(each.affine[:3, :3], expected)
            assert np.allclose(each.get_qform(), each.affine, atol=1e-6)
            assert each.header.get_xyzt_units()[0] == "mm"
            assert int(each.header["sform_code"]) == int(each.header["qform_code"]) == 1


def test_colours_come_back(tmp_path: Path) -> None:
    """8-bit RGB in one instance; in NIfTI on the fourth axis, where no reader sees slices."""
    images = synthetic_set(
        tmp_path / "r0f0g0", (9, 7), channels=COLOURS, unit="grey level", dtype=np.uint8,
        window=(0, 255), orientation="image", spacing_mm=None,
    )  # fmt: skip
    stored = images.stored([0])[0]
    dicom, nifti = (ship(name, images, tmp_path / name) for name in ("dicom", "nifti"))
    header = pydicom.dcmread(dicom / rows_of(dicom)[0]["file"])
    assert header.PhotometricInterpretation == "RGB"
    assert np.array_equal(header.pixel_array, np.moveaxis(stored, 0, -1))
    volume = nib.load(nifti / rows_of(nifti)[0]["file"])
    assert np.array_equal(np.asarray(volume.dataobj)[:, :, 0], np.moveaxis(stored, 0, -1))


def test_channels_that_are_no_colour_are_a_series_each(tmp_path: Path) -> None:
    """Two sequences of one examination, each with its own rescaling."""
    images = synthetic_set(
        tmp_path / "r0f0g0", (9, 7), channels=("T1", "T2"), unit="au", dtype=np.float32
    )
    out = ship("dicom", images, tmp_path / "out")
    files = sorted((out / rows_of(out)[0]["file"]).glob("*.dcm"))
    headers = [pydicom.dcmread(file) for file in files]
    assert len({each.SeriesInstanceUID for each in headers}) == 2
    assert len({each.StudyInstanceUID for each in headers}) == 1
    for channel, header in enumerate(headers):
        found = apply_rescale(header.pixel_array, header)
        apart = np.abs(found - images.stored([0])[0, channel])
        assert apart.max() <= float(header.RescaleSlope) / 2 * (1 + 1e-6)


@pytest.mark.parametrize("size", [(24, 24), (16, 16, 8)])
@pytest.mark.parametrize("name", ["dicom", "nifti"])
def test_a_phantom_survives(name: str, size: tuple[int, ...], tmp_path: Path) -> None:
    """HU, masks, spacing and orientation of the embedded scans, through a set and out."""
    images = phantom_set(tmp_path / "r0f0g0", size)
    out = ship(name, images, tmp_path / "out")
    for number, row in enumerate(rows_of(out)):
        expected = images.stored([number])[0, 0]
        mask = images.masks([number])[0, 0]
        if name == "nifti":
            volume = nib.load(out / row["file"])
            found, affine = np.asarray(volume.dataobj), volume.affine
            inside = np.asarray(nib.load(out / row["mask"]).dataobj)
        else:
            slices = slices_of(out / row["file"])
            assert slices[0].SOPClassUID.name == "CT Image Storage"
            found = np.stack([apply_rescale(each.pixel_array, each) for each in slices], -1)
            affine = dicom_affine(slices)
            inside = dicom_mask(out / row["mask"], slices)
        assert np.array_equal(found.reshape(expected.shape), expected)
        assert np.array_equal(inside.reshape(mask.shape), mask)
        assert mask.any()
        codes = nib.orientations.aff2axcodes(affine)
        assert "".join(codes)[: len(size)] == images.meta.orientation
        voxels = nib.affines.voxel_sizes(affine)[: len(size)]
        assert np.array_equal(voxels.astype(np.float32), images.spacing[number])


def phantom_set(root: Path, size: tuple[int, ...]) -> ImageSet:
    """Two phantom lesions of each class."""
    kinds = {"cyst": 2, "metastasis": 2}
    source = Phantom(root, PhantomOptions(lesions=kinds, patients=3), Target(size, None, 5))
    told = source.settings()
    meta = Meta(tuple(kinds), told.channels, told.unit, told.window, orientation=told.orientation)
    with ImageSetWriter(
        root, meta, capacity=4, shape=(1, *size), dtype=np.int16, masks=True
    ) as writer:
        for scan in source.scans():
            assert isinstance(scan, Scan)
            writer.add(
                scan.image, image_id=scan.key, label=scan.label, patient_id="synthetic",
                origin="phantom", mask=scan.mask, spacing_mm=scan.spacing_mm,
            )  # fmt: skip
    return ImageSet.open(root)
