"""DICOM trees become images in true values and true order, and show nobody's data."""

import logging
import shutil
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    RTStructureSetStorage,
    XRayRadiationDoseSRStorage,
)

from pipeline.errors import ParameterError
from pipeline.sources.dicom import Dicom
from pipeline.sources.dicom_files import silence
from pipeline.sources.source import Broken, Scan, Target

PLANTED = ("DOE^JANE", "MRN-4711", "19570203", "St. Nowhere", "Doe_Jane_4711")
SAMPLES = Path(pydicom.data.__file__).parent / "test_files"
LIDC = Path(__file__).parents[4] / "shared" / "data" / "lidc_nodules"
SPACING = (0.5, 0.75, 2.0)


def voxels(seed: int = 0) -> np.ndarray:
    """Ten slices of 12 rows and 16 columns, as HU."""
    return np.random.default_rng(seed).integers(-900, 900, (12, 16, 10)).astype(np.int16)


def instance(pixels: np.ndarray, depth: float = 0.0, series: str = "1.2.3", **tags: Any) -> Dataset:
    """A CT slice with planted identifiers; tags given as None are taken out."""
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = CTImageStorage
    header.SOPClassUID = CTImageStorage
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(
        entropy_srcs=[series, str(depth)]
    )
    header.PatientName, header.PatientID, header.PatientBirthDate, header.InstitutionName = PLANTED[
        :4
    ]
    header.Modality = "CT"
    header.StudyInstanceUID = "1.2"
    header.SeriesInstanceUID = series
    header.Rows, header.Columns = pixels.shape[:2]
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 12, 11
    header.PixelRepresentation = 0
    header.RescaleSlope, header.RescaleIntercept = 1, -1024
    header.PixelSpacing = [SPACING[0], SPACING[1]]
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    header.ImagePositionPatient = [-40, -30, depth]
    header.WindowCenter, header.WindowWidth = [40, 300], [400, 1500]
    header.PixelData = (pixels.astype(np.int32) + 1024).astype("<u2").tobytes()
    for name, content in tags.items():
        if content is None:
            delattr(header, name)
        else:
            setattr(header, name, content)
    return header


def save(path: Path, header: Dataset) -> None:
    """Write a data set as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some tests plant values that pydicom warns of
        known = header.file_meta.TransferSyntaxUID.is_transfer_syntax
        coding = {} if known else {"implicit_vr": False, "little_endian": True}
        header.save_as(path, enforce_file_format=True, **coding)


def write_series(folder: Path, volume: np.ndarray, **tags: Any) -> None:
    """Write a volume (rows, columns, slices) as files whose names are in no order."""
    names = np.random.default_rng(1).permutation(volume.shape[-1])
    for index, name in enumerate(names):
        header = instance(volume[..., index], SPACING[2] * index, InstanceNumber=int(name), **tags)
        save(folder / f"{name:03d}.anything", header)


def read(root: Path, size: tuple[int, ...] = (12, 16), **options: Any) -> list[Scan | Broken]:
    """Read a tree whose class folders give the labels, unless told otherwise."""
    chosen = Dicom.Options(**{"labels": "folders", **options})
    source = Dicom(root, chosen, Target(size, None, 0))
    scans = list(source.scans())
    assert len(scans) == len(source) and len({scan.key for scan in scans}) == len(scans)
    return scans


def one(root: Path, size: tuple[int, ...] = (12, 16), **options: Any) -> Scan:
    """Read the only scan of a tree, which must be good."""
    (scan,) = read(root, size, **options)
    assert isinstance(scan, Scan), scan.reason
    return scan


class TestSeries:
    """A series is a volume in the order of its positions."""

    def test_positions_order_the_slices(self, tmp_path: Path) -> None:
        """Neither file names nor instance numbers matter; values are HU, exactly."""
        write_series(tmp_path / "cyst", voxels())
        scan = one(tmp_path, (12, 16, 10))
        assert np.array_equal(scan.image[0], voxels())
        assert scan.image.dtype == np.int16 and scan.spacing_mm == pytest.approx(SPACING)
        assert (scan.label, scan.patient) == ("cyst", "MRN-4711")

    @pytest.mark.parametrize("orientation", [[0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1]])
    def test_any_plane_is_ordered_along_its_normal(
        self, tmp_path: Path, orientation: list[int]
    ) -> None:
        """Sagittal and coronal series are ordered too, along rows x columns."""
        normal = np.cross(orientation[:3], orientation[3:])
        for index in (3, 0, 2, 1):
            header = instance(voxels()[..., index], ImageOrientationPatient=orientation)
            header.ImagePositionPatient = list(normal * index + 5.0)
            save(tmp_path / "x" / f"{9 - index}", header)
        assert np.array_equal(one(tmp_path, (12, 16, 4)).image[0], voxels()[..., :4])

    def test_series_in_one_folder_are_told_apart(self, tmp_path: Path) -> None:
        """Grouping goes by SeriesInstanceUID, not by folder."""
        for series in ("1.7", "1.8"):
            for index in range(3):
                header = instance(voxels()[..., index], index, series)
                save(tmp_path / "x" / f"{index}-{series}", header)
        assert len(read(tmp_path, (12, 16, 3))) == 2

    def test_middle_slice_stands_for_a_series(self, tmp_path: Path) -> None:
        """With `images: middle` a series gives its middle slice."""
        write_series(tmp_path / "x", voxels())
        assert np.array_equal(one(tmp_path, images="middle").image[0], voxels()[..., 5])

    def test_each_slice_can_be_an_image(self, tmp_path: Path) -> None:
        """With `images: each` ten slices are ten images of one patient."""
        write_series(tmp_path / "x", voxels())
        scans = read(tmp_path, images="each")
        assert {scan.patient for scan in scans if isinstance(scan, Scan)} == {"MRN-4711"}
        assert len(scans) == 10

    def test_fixed_field_of_view_is_in_millimetres(self, tmp_path: Path) -> None:
        """4 mm by 6 mm around the middle are 8 by 8 voxels."""
        write_series(tmp_path / "x", voxels())
        scan = one(tmp_path, (8, 8), images="middle", crop="fixed", field_of_view_mm=(4.0, 6.0))
        assert np.array_equal(scan.image[0], voxels()[2:10, 4:12, 5])
        assert scan.spacing_mm == (0.5, 0.75)

    def test_enhanced_multi_frame_places_every_frame(self, tmp_path: Path) -> None:
        """Position, spacing and rescaling are read from the functional groups, frame by frame."""
        order = [2, 0, 3, 1]
        header = instance(voxels()[..., 0], SOPClassUID=EnhancedCTImageStorage)
        for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            delattr(header, name)
        del header.RescaleSlope, header.RescaleIntercept
        header.NumberOfFrames = 4
        stacked = np.stack([voxels()[..., index] + 1024 for index in order])
        header.PixelData = stacked.astype("<u2").tobytes()
        measures, orientation, shared = Dataset(), Dataset(), Dataset()
        measures.PixelSpacing = [SPACING[0], SPACING[1]]
        orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        shared.PixelMeasuresSequence = Sequence([measures])
        shared.PlaneOrientationSequence = Sequence([orientation])
        header.SharedFunctionalGroupsSequence = Sequence([shared])
        groups = []
        for index in order:
            position, rescale, group = Dataset(), Dataset(), Dataset()
            position.ImagePositionPatient = [0, 0, index * 2.0]
            rescale.RescaleSlope, rescale.RescaleIntercept = 1, -1024 + index
            group.PlanePositionSequence = Sequence([position])
            group.PixelValueTransformationSequence = Sequence([rescale])
            groups.append(group)
        header.PerFrameFunctionalGroupsSequence = Sequence(groups)
        save(tmp_path / "x" / "multi", header)
        scan = one(tmp_path, (12, 16, 4))
        assert np.array_equal(scan.image[0], voxels()[..., :4] + np.arange(4))
        assert scan.spacing_mm == pytest.approx(SPACING)

    def test_plain_multi_frame_keeps_its_order(self, tmp_path: Path) -> None:
        """Frames without positions stay in the file's order, and their spacing is unknown."""
        header = instance(voxels()[..., 0], NumberOfFrames=3, Modality="US")
        stacked = np.moveaxis(voxels()[..., :3].astype(np.int32), -1, 0) + 1024
        header.PixelData = stacked.astype("<u2").tobytes()
        save(tmp_path / "x" / "cine", header)
        scan = one(tmp_path, (12, 16, 3))
        assert np.array_equal(scan.image[0], voxels()[..., :3]) and scan.spacing_mm is None
        assert len(read(tmp_path, images="each")) == 3


class TestValues:
    """Pixels are in the scanner's unit, bright where they are shown bright."""

    def test_rescaling_is_applied(self, tmp_path: Path) -> None:
        """Value = stored * slope + intercept; fractions make the set floating point."""
        save(tmp_path / "x" / "a", instance(voxels()[..., 0], RescaleSlope=0.5, RescaleIntercept=3))
        expected = (voxels()[..., 0] + 1024) * 0.5 + 3
        scan = one(tmp_path)
        assert np.allclose(scan.image[0], expected) and scan.image.dtype == np.float32

    def test_inverted_greys_are_turned_round(self, tmp_path: Path) -> None:
        """MONOCHROME1 is mirrored in the range of its bits, and so is its window."""
        plain = instance(voxels()[..., 0])
        turned = instance(voxels()[..., 0], PhotometricInterpretation="MONOCHROME1")
        save(tmp_path / "x" / "a", turned)
        source = Dicom(tmp_path, Dicom.Options(labels="folders"), Target((12, 16), None, 0))
        (scan,) = source.scans()
        assert isinstance(scan, Scan)
        least, most = -1024, 4095 - 1024
        assert np.array_equal(scan.image[0], least + most - voxels()[..., 0])
        centre, width = plain.WindowCenter[0], plain.WindowWidth[0]
        low, high = least + most - (centre + width / 2), least + most - (centre - width / 2)
        assert source.settings().window == (low, high)

    def test_modality_table_maps_values(self, tmp_path: Path) -> None:
        """A modality LUT replaces slope and intercept."""
        item = Dataset()
        item.LUTDescriptor = [4, 0, 16]
        item.ModalityLUTType = "US"
        item.LUTData = [10, 200, 3000, 40000]
        header = instance(np.arange(192).reshape(12, 16) % 4 - 1024, Modality="CR")
        header.ModalityLUTSequence = Sequence([item])
        item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
        del header.RescaleSlope, header.RescaleIntercept
        save(tmp_path / "x" / "a", header)
        expected = np.array([10, 200, 3000, 40000])[np.arange(192).reshape(12, 16) % 4]
        assert np.array_equal(one(tmp_path).image[0], expected)

    @pytest.mark.parametrize(
        ("window", "tags", "expected"),
        [
            (None, {}, (-160.0, 240.0)),
            ((-10.0, 10.0), {}, (-10.0, 10.0)),
            (None, {"WindowWidth": 0}, None),
            (None, {"WindowCenter": None}, None),
        ],
    )
    def test_window_is_the_users_or_the_headers_or_the_range(
        self,
        tmp_path: Path,
        window: tuple[float, float] | None,
        tags: dict[str, Any],
        expected: tuple[float, float] | None,
    ) -> None:
        """The first VOI window counts; without one, percentiles of the pixels do."""
        save(tmp_path / "x" / "a", instance(voxels()[..., 0], **tags))
        source = Dicom(tmp_path, Dicom.Options(labels="folders"), Target((12, 16), window, 0))
        wanted = expected or tuple(np.percentile(voxels()[..., 0], [0.5, 99.5]))
        assert source.settings().window == pytest.approx(wanted)

    def test_settings_describe_computed_tomography(self, tmp_path: Path) -> None:
        """An axial CT series is HU in 12 bits, rows to posterior and columns to the left."""
        write_series(tmp_path / "x", voxels())
        options = Dicom.Options(labels="folders")
        settings = Dicom(tmp_path, options, Target((12, 16, 10), None, 0)).settings()
        assert (settings.unit, settings.channels, settings.orientation) == ("HU", ("CT",), "PLS")
        assert (settings.low, settings.high, settings.integer) == (-1024, 3071, True)

    def test_other_planes_have_no_axis_codes(self, tmp_path: Path) -> None:
        """A coronal image is not called axial."""
        tags = {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}
        save(tmp_path / "x" / "a", instance(voxels()[..., 0], **tags))
        options = Dicom.Options(labels="folders")
        settings = Dicom(tmp_path, options, Target((8, 8), None, 0)).settings()
        assert settings.orientation == "image"

    def test_colour_is_kept_or_made_grey(self, tmp_path: Path) -> None:
        """`rgb` gives three channels; `grey` their luminance; grey images fill three channels."""
        copy(tmp_path, "examples_rgb_color.dcm")
        with_colour = one(tmp_path, (60, 80), colour="rgb").image.astype(float)
        grey = one(tmp_path, (60, 80), colour="grey").image.astype(float)
        assert with_colour.shape == (3, 60, 80) and grey.shape == (1, 60, 80)
        assert np.abs(np.tensordot([0.299, 0.587, 0.114], with_colour, 1) - grey).max() <= 1.01
        (tmp_path / "x" / "examples_rgb_color.dcm").unlink()
        save(tmp_path / "x" / "a", instance(voxels()[..., 0]))
        assert np.ptp(one(tmp_path, colour="rgb").image, axis=0).max() == 0


def copy(root: Path, name: str) -> None:
    """Put one of pydicom's own test files into the class folder `x`."""
    (root / "x").mkdir(parents=True, exist_ok=True)
    shutil.copy(SAMPLES / name, root / "x" / name)


class TestTransferSyntaxes:
    """Real files of every coding are read; lossless ones give the plain file's pixels."""

    @pytest.mark.parametrize(
        "coded",
        [
            "MR_small_RLE.dcm",
            "MR_small_bigendian.dcm",
            "MR_small_expb.dcm",
            "MR_small_implicit.dcm",
            "MR_small_jp2klossless.dcm",
            "MR_small_jpeg_ls_lossless.dcm",
            "MR_small_padded.dcm",
        ],
    )
    def test_lossless_codings_agree(self, tmp_path: Path, coded: str) -> None:
        """The same image in another coding is the same image."""
        copy(tmp_path / "a", "MR_small.dcm")
        copy(tmp_path / "b", coded)
        plain, other = one(tmp_path / "a", (64, 64)), one(tmp_path / "b", (64, 64))
        assert np.array_equal(plain.image, other.image)

    @pytest.mark.parametrize(
        "name",
        [
            "693_J2KI.dcm",
            "GDCMJ2K_TextGBR.dcm",
            "J2K_pixelrep_mismatch.dcm",
            "JPEG2000.dcm",
            "JPEGLSNearLossless_08.dcm",
            "JPEGLSNearLossless_16.dcm",
            "JPGExtended.dcm",
            "SC_rgb_jls_lossy_sample.dcm",
            "SC_rgb_jpeg_dcmtk.dcm",
            "SC_rgb_jpeg_gdcm.dcm",
            "SC_rgb_rle_16bit.dcm",
            "SC_rgb_small_odd_big_endian.dcm",
            "SC_ybr_full_422_uncompressed.dcm",
            "ExplVR_BigEnd.dcm",
            "examples_palette.dcm",
            "image_dfl.dcm",
        ],
    )
    def test_every_coding_is_read(self, tmp_path: Path, name: str) -> None:
        """Each gives an image of the size asked for, within the limits announced."""
        copy(tmp_path, name)
        options = Dicom.Options(labels="folders", patient="StudyInstanceUID")
        source = Dicom(tmp_path, options, Target((20, 24), None, 0))
        (scan,) = source.scans()
        assert isinstance(scan, Scan), scan.reason
        settings = source.settings()
        assert scan.image.shape == (1, 20, 24) and np.isfinite(scan.image).all()
        assert settings.low <= scan.image.min() < scan.image.max() <= settings.high

    def test_frames_of_a_compressed_file_are_all_read(self, tmp_path: Path) -> None:
        """Two RLE frames in colour are two images."""
        copy(tmp_path, "SC_rgb_rle_2frame.dcm")
        scans = read(tmp_path, (20, 20), colour="rgb", patient="StudyInstanceUID")
        assert [scan.image.shape for scan in scans if isinstance(scan, Scan)] == [(3, 20, 20)] * 2


class TestLabels:
    """Labels come from a table by patient, series or file, or from folders."""

    @pytest.mark.parametrize(
        ("label_key", "key"),
        [
            ("PatientID", "MRN-4711"),
            ("SeriesInstanceUID", "1.2.3"),
            ("file", "deep/a"),
            ("file", "deep"),
        ],
    )
    def test_table_is_looked_up_by_the_key_chosen(
        self, tmp_path: Path, label_key: str, key: str
    ) -> None:
        """A file's row can name the file or a folder that holds it."""
        save(tmp_path / "deep" / "a", instance(voxels()[..., 0]))
        text = f"key,label,grade\n{key},cyst,2\nother,metastasis,3\n"
        (tmp_path / "labels.csv").write_text(text)
        scan = one(tmp_path, labels="table", label_key=label_key, attributes=("grade",))
        assert scan.label == "cyst" and scan.attributes == {"grade": 2.0}

    def test_points_choose_slice_and_centre(self, tmp_path: Path) -> None:
        """Each row is a lesion: patient coordinates in mm find its slice, row and column."""
        write_series(tmp_path, voxels())
        rows = ["MRN-4711,cyst,-34,-27,6.1", "MRN-4711,cyst,-32.5,-28,14", "MRN-4711,cyst,-99,0,0"]
        (tmp_path / "labels.csv").write_text("key,label,x,y,z\n" + "\n".join(rows))
        options = {"labels": "table", "point": ("x", "y", "z"), "crop": "fixed"}
        first, second, outside = read(tmp_path, (3, 3), field_of_view_mm=(1.5, 2.25), **options)
        assert isinstance(first, Scan) and isinstance(second, Scan)
        # Column 8 is 8 * 0.75 mm right of -40; row 6 is 6 * 0.5 mm below -30; slice 3 is at 6 mm.
        assert np.array_equal(first.image[0], voxels()[5:8, 7:10, 3])
        assert np.array_equal(second.image[0], voxels()[3:6, 9:12, 7])
        assert isinstance(outside, Broken) and "outside the series" in outside.reason

    def test_point_centres_a_volume(self, tmp_path: Path) -> None:
        """In 3D the box lies around the point."""
        write_series(tmp_path, voxels())
        (tmp_path / "labels.csv").write_text("key,label,x,y,z\nMRN-4711,cyst,-34,-27,6\n")
        lengths = {"crop": "fixed", "field_of_view_mm": (1.5, 2.25, 6.0)}
        scan = one(tmp_path, (3, 3, 3), labels="table", point=("x", "y", "z"), **lengths)
        assert np.array_equal(scan.image[0], voxels()[5:8, 7:10, 2:5])

    @pytest.mark.parametrize(
        ("rows", "reason"),
        [
            ("MRN-4711,cyst,here,0,0", "no numbers"),
            ("MRN-4711,,-34,-27,6", "missing label"),
            ("MRN-4712,cyst,-34,-27,6", "fits no series"),
        ],
    )
    def test_wrong_points_have_reasons(self, tmp_path: Path, rows: str, reason: str) -> None:
        """A row that cannot be placed is broken, and so is a series that no row is about."""
        write_series(tmp_path, voxels())
        (tmp_path / "labels.csv").write_text(f"key,label,x,y,z\n{rows}\n")
        scans = read(tmp_path, labels="table", point=("x", "y", "z"))
        reasons = [scan.reason for scan in scans if isinstance(scan, Broken)]
        assert len(reasons) == len(scans) and any(reason in text for text in reasons)

    def test_points_need_one_series(self, tmp_path: Path) -> None:
        """A point of a patient with two series is not guessed at."""
        for series in ("1.7", "1.8"):
            save(tmp_path / series, instance(voxels()[..., 0], 0, series))
        (tmp_path / "labels.csv").write_text("key,label,x,y,z\nMRN-4711,cyst,-34,-27,0\n")
        (scan,) = read(tmp_path, labels="table", point=("x", "y", "z"))
        assert isinstance(scan, Broken) and "fits several series" in scan.reason

    def test_order_does_not_depend_on_the_disk(self, tmp_path: Path) -> None:
        """Scans come in the order of their keys."""
        for number, name in enumerate(("b/2", "a/9", "b/1")):
            save(tmp_path / name, instance(voxels()[..., 0], 0, f"1.{number}"))
        assert [scan.key for scan in read(tmp_path)] == ["a/9", "b/1", "b/2"]


@pytest.mark.parametrize(
    ("options", "parameter"),
    [
        ({"crop": "fixed"}, "ingest.options.field_of_view_mm"),
        ({"crop": "fixed", "field_of_view_mm": (1, 2, 3)}, "ingest.options.field_of_view_mm"),
        ({"labels": "folders", "attributes": ("a",)}, "ingest.options.labels"),
        ({"labels": "table"}, "ingest.options.table"),
        ({"labels": "folders"}, "ingest.path"),
    ],
)
def test_wrong_parameters_are_named(
    tmp_path: Path, options: dict[str, Any], parameter: str
) -> None:
    """What cannot work for any scan stops before the first; an empty tree does too."""
    with pytest.raises(ParameterError) as caught:
        Dicom(tmp_path, Dicom.Options(**options), Target((8, 8), None, 0))
    assert caught.value.parameter == parameter


def _series(count: int = 4, **tags: Any) -> list[Dataset]:
    return [instance(voxels()[..., index], 2.0 * index, **tags) for index in range(count)]


def _with(change: Callable[[list[Dataset]], object], count: int = 4) -> list[Dataset]:
    headers = _series(count)
    change(headers)
    return headers


def _compressed(syntax: str, data: bytes) -> Dataset:
    header = instance(voxels()[..., 0])
    header.file_meta.TransferSyntaxUID = syntax
    header.PixelData = pydicom.encaps.encapsulate([data])
    header["PixelData"].is_undefined_length = True
    return header


def _floats(bad: float, low: float = 0.0) -> Dataset:
    absent = ("PixelData", "RescaleSlope", "RescaleIntercept", "BitsStored", "HighBit")
    header = instance(voxels()[..., 0], BitsAllocated=32, **dict.fromkeys(absent))
    pixels = np.linspace(low, 1, 192, dtype="<f4")
    pixels[7] = bad
    header.FloatPixelData = pixels.tobytes()
    return header


def _table_modality() -> Dataset:
    header = instance(voxels()[..., 0])
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType, item.LUTData = [9, 0, 16], "US", [1, 2]
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    header.ModalityLUTSequence = Sequence([item])
    return header


def _tag(name: str, *values: Any) -> Callable[[], list[Dataset]]:
    return lambda: [instance(voxels()[..., 0], **{name: value}) for value in values]


def _setting(index: int, name: str, value: Any) -> Callable[[], list[Dataset]]:
    return lambda: _with(lambda headers: setattr(headers[index], name, value))


def _localizer() -> list[Dataset]:
    return [*_series(), instance(voxels()[:6, :, 0], 90)]


# Data sets of one series, the size asked for, and the reason expected.
FLAT, SOLID = (12, 16), (12, 16, 4)
MALFORMED: dict[str, tuple[Callable[[], list[Dataset]], tuple[int, ...], str]] = {
    "missing slice": (lambda: _with(lambda h: h.pop(2), 6), SOLID, "missing slices: 1 absent"),
    "missing slices": (lambda: _with(lambda h: h.__delitem__(slice(2, 4)), 8), SOLID, "2 absent"),
    "uneven slices": (
        _setting(1, "ImagePositionPatient", [-40, -30, 2.7]),
        SOLID,
        "uneven distances",
    ),
    "doubled position": (_setting(1, "ImagePositionPatient", [-40, -30, 4]), SOLID, "one position"),
    "mixed orientation": (
        _setting(0, "ImageOrientationPatient", [1, 0, 0, 0, 0, -1]),
        SOLID,
        "several orientations",
    ),
    "localizer": (_localizer, SOLID, "several sizes"),
    "mixed spacing": (_setting(2, "PixelSpacing", [2, 2]), SOLID, "several pixel spacings"),
    "no position": (_setting(2, "ImagePositionPatient", []), SOLID, "without a position"),
    "tilted": (_setting(3, "ImagePositionPatient", [-40, -20, 6]), SOLID, "not stacked"),
    "single slice": (lambda: _series(1), SOLID, "a single slice"),
    "several patients": (_setting(1, "PatientID", "SOMEONE ELSE"), SOLID, "several patients"),
    "impossible orientation": (
        lambda: _series(ImageOrientationPatient=[1, 1, 0, 0, 1, 0]),
        SOLID,
        "impossible orientation",
    ),
    "colour among grey": (
        lambda: [*_series(), pydicom.dcmread(SAMPLES / "SC_rgb_small_odd.dcm")],
        SOLID,
        "several",
    ),
    "no pixel data": (_tag("PixelData", None), FLAT, "no pixel data"),
    "no rows": (_tag("Rows", None), FLAT, "no pixel data"),
    "no columns": (_tag("Columns", 0), FLAT, "no pixel data"),
    "short pixel data": (_tag("PixelData", b"\0\1" * 50), FLAT, "truncated or damaged"),
    "constant": (_tag("PixelData", b"\7\0" * 192), FLAT, "constant"),
    "no patient": (_tag("PatientID", None, ""), FLAT, "no patient"),
    "zero slope": (_tag("RescaleSlope", 0), FLAT, "impossible rescale"),
    "zero spacing": (_tag("PixelSpacing", [0, 1]), FLAT, "impossible pixel spacing"),
    "three spacings": (_tag("PixelSpacing", [1, 1, 1]), FLAT, "pixel spacing"),
    "NaN": (lambda: [_floats(np.nan)], FLAT, "NaN or infinite"),
    "infinite": (lambda: [_floats(np.inf)], FLAT, "NaN or infinite"),
    "segmentation": (_tag("Modality", "SEG"), FLAT, "segmentation object"),
    "impossible bits": (_tag("BitsStored", 60000), FLAT, ""),
    "unknown colours": (_tag("PhotometricInterpretation", "PLAID"), FLAT, ""),
    "damaged table": (lambda: [_table_modality()], FLAT, "impossible values"),
    "corrupt JPEG": (
        lambda: [_compressed(JPEGBaseline8Bit, b"\xff\xd8 DOE^JANE")],
        FLAT,
        "truncated or damaged",
    ),
    "corrupt JPEG 2000": (
        lambda: [_compressed(JPEG2000Lossless, b"DOE^JANE" * 9)],
        FLAT,
        "truncated or damaged",
    ),
    "corrupt RLE": (lambda: [_compressed(RLELossless, b"DOE^JANE" * 9)], FLAT, "damaged"),
    "video": (
        lambda: [_compressed("1.2.840.10008.1.2.4.102", b"DOE^JANE")],
        FLAT,
        "transfer syntax",
    ),
    "unknown syntax": (lambda: [_compressed("1.2.3.4.5", b"DOE^JANE")], FLAT, "transfer syntax"),
}


def broken_and_shown(
    root: Path,
    size: tuple[int, ...],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> list[str]:
    """Read a tree in which all is broken, check that nobody's data shows, give the reasons."""
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scans = read(root, size)
    reasons = []
    for scan in scans:
        assert isinstance(scan, Broken), "a malformed scan was read as if it were good"
        reasons.append(scan.reason)
    shown = " ".join([*reasons, caplog.text, *capfd.readouterr()])
    assert not any(word in shown for word in (*PLANTED, "SOMEONE", str(root)))
    return reasons


@pytest.mark.parametrize("fault", MALFORMED)
def test_malformed_header_is_broken_for_a_named_reason(
    tmp_path: Path,
    fault: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is yielded, not raised, and nothing that is said shows a value of a tag."""
    make, size, expected = MALFORMED[fault]
    for index, header in enumerate(make()):
        if fault == "colour among grey":
            header.SeriesInstanceUID, header.PatientID = "1.2.3", PLANTED[1]
        save(tmp_path / PLANTED[4] / f"{index}", header)
    capfd.readouterr()
    reasons = broken_and_shown(tmp_path, size, capfd, caplog)
    assert reasons and all(reason and expected in reason for reason in reasons)


def _good() -> bytes:
    buffer = pydicom.filebase.DicomBytesIO()
    instance(voxels()[..., 0]).save_as(buffer, enforce_file_format=True)
    return bytes(buffer.parent.getvalue())


FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty file": (lambda good: b"", "empty file"),
    "text": (lambda good: b"DOE^JANE " * 40, "not a DICOM file"),
    "picture": (lambda good: b"\x89PNG\r\n\x1a\n" + bytes(200), "not a DICOM file"),
    "zeros": (lambda good: bytes(500), "not a DICOM file"),
    "preamble only": (lambda good: good[:132], ""),
    "truncated header": (lambda good: good[:420], ""),
    "truncated pixels": (lambda good: good[:-90], "truncated or damaged"),
    "garbage after the preamble": (lambda good: good[:132] + b"MRN-4711" * 60, ""),
    "a bare start": (lambda good: b"\x08\x00" + b"MRN-4711" * 60, ""),
    "impossible number": (
        lambda good: good.replace(b"PN" + struct.pack("<H", 8), b"DS" + struct.pack("<H", 8)),
        "",
    ),
    "wrong text for a number": (lambda good: good.replace(b"-1024.0 ", b"MRN-4711"), "impossible"),
    "endless length": (lambda good: good.replace(b"LO\x08\x00MRN", b"LO\xff\xffMRN"), ""),
}


@pytest.mark.parametrize("fault", [name for name in FILES if name != "impossible number"])
def test_malformed_bytes_are_broken_for_a_named_reason(
    tmp_path: Path,
    fault: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever the bytes, the file is yielded as broken with a sentence."""
    spoil, expected = FILES[fault]
    path = tmp_path / PLANTED[4] / "a.dcm"
    path.parent.mkdir()
    path.write_bytes(spoil(_good()))
    (reason,) = broken_and_shown(tmp_path, FLAT, capfd, caplog)
    assert reason and expected in reason


def test_wrong_kind_of_a_name_does_not_matter(tmp_path: Path) -> None:
    """A tag that is not needed may be malformed: it is never even looked at."""
    path = tmp_path / "x" / "a"
    path.parent.mkdir()
    path.write_bytes(FILES["impossible number"][0](_good()))
    assert np.array_equal(one(tmp_path).image[0], voxels()[..., 0])


def test_missing_and_contradicting_labels_are_broken(tmp_path: Path) -> None:
    """No row, an empty cell, rows that disagree, and a file in no class folder."""
    save(tmp_path / "a", instance(voxels()[..., 0]))
    reasons = []
    for rows in ("other,x", "MRN-4711,", "MRN-4711,x\nMRN-4711,y"):
        (tmp_path / "labels.csv").write_text(f"key,label\n{rows}\n")
        (scan,) = read(tmp_path, labels="table")
        assert isinstance(scan, Broken)
        reasons.append(scan.reason)
    (scan,) = read(tmp_path)
    assert isinstance(scan, Broken) and "no class folder" in scan.reason
    assert ["no row" in reasons[0], "empty" in reasons[1], "contra" in reasons[2]] == [True] * 3


def test_maps_of_fractions_keep_them(tmp_path: Path) -> None:
    """Floating-point pixels are neither clipped at zero nor rounded."""
    header = _floats(0.003, low=-9.3)
    header.Modality = "MR"
    save(tmp_path / "x" / "a", header)
    scan = one(tmp_path)
    assert scan.image.dtype == np.float32
    assert scan.image.min() == np.float32(-9.3) and scan.image.flat[7] == np.float32(0.003)


def test_what_is_no_scan_is_told_apart_from_what_is_broken(tmp_path: Path) -> None:
    """Reports, structure sets, segmentations and a viewer's files are nobody's loss."""
    flat = voxels()[..., 0]
    save(tmp_path / "x" / "a", instance(flat))
    save(tmp_path / "x" / "damaged", instance(flat, series="1.2.4", Rows=None))
    others = {"report": XRayRadiationDoseSRStorage, "structures": RTStructureSetStorage}
    for name, kind in others.items():
        header = instance(flat, PixelData=None, Rows=None, Columns=None, SOPClassUID=kind)
        save(tmp_path / "x" / name, header)
    save(tmp_path / "x" / "seg", instance(flat, Modality="SEG"))
    (tmp_path / "x" / "autorun.exe").write_bytes(b"MZ" + bytes(200))
    found = {scan.key: scan for scan in read(tmp_path)}
    broken = {key: scan.scan for key, scan in found.items() if isinstance(scan, Broken)}
    assert broken == {
        "x/damaged": True, "x/report": False, "x/structures": False, "x/seg": False,
        "x/autorun.exe": False,
    }  # fmt: skip


def test_files_that_are_no_scans_by_name_are_passed_over(tmp_path: Path) -> None:
    """Tables, texts, DICOMDIR and hidden files are neither scans nor broken."""
    save(tmp_path / "x" / "a", instance(voxels()[..., 0]))
    for name in ("labels.csv", "README.md", "notes.TXT", "DICOMDIR", ".DS_Store", ".git/a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("DOE^JANE")
    assert isinstance(one(tmp_path), Scan)


def test_libraries_are_silent_while_headers_are_read(caplog: pytest.LogCaptureFixture) -> None:
    """Neither warnings nor log records of pydicom and its parts come through, and then they do."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "pydicom.pixels.utils", "pylibjpeg")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with silence():
            warnings.warn("DOE^JANE", UserWarning, stacklevel=1)
            for logger in loggers:
                logger.error("DOE^JANE")
        assert "DOE^JANE" not in caplog.text
        for logger in loggers:
            logger.error("heard again")
        assert caplog.text.count("heard again") == len(loggers)
        with pytest.raises(UserWarning):
            warnings.warn("heard again", UserWarning, stacklevel=1)


def test_good_scans_carry_no_identifiers(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Name, birth date and institution stay in the file; the id is only in `patient`."""
    caplog.set_level(logging.DEBUG)
    bad_values = {
        "PatientBirthDate": "DOE^JANE born",
        "StudyDate": "DOE^JANE",
        "AccessionNumber": "DOE^JANE" * 9,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = instance(voxels()[..., 0], **bad_values)
    save(tmp_path / PLANTED[4] / "a", header)
    (tmp_path / "labels.csv").write_text("key,label,grade\nMRN-4711,cyst,high\n")
    capfd.readouterr()
    caplog.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        options = Dicom.Options(attributes=("grade",))
        source = Dicom(tmp_path, options, Target((12, 16), None, 0))
        (scan,) = source.scans()
    assert isinstance(scan, Scan)
    shown = f"{scan.attributes} {scan.label} {source.settings()} {caplog.text} {capfd.readouterr()}"
    assert not any(word in shown for word in PLANTED)


def test_what_names_the_patient_is_told_to_the_guard(tmp_path: Path) -> None:
    """So that ingest refuses labels that repeat it; names come whole and in their parts."""
    header = instance(voxels()[..., 0], AccessionNumber="ACC-9", PatientName="DOE^JANE MARY=D^J")
    save(tmp_path / "cyst" / "a", header)
    parts = ("DOE^JANE MARY", "D^J", "DOE", "JANE", "MARY", "D", "J")
    assert one(tmp_path).identifiers == (*parts, PLANTED[2], "ACC-9", PLANTED[3])


def test_series_written_from_real_scans_come_back(tmp_path: Path) -> None:
    """Nodules written as DICOM series give the HU of the NIfTI volumes, voxel for voxel."""
    if not LIDC.exists():
        pytest.skip(f"needs {LIDC}, which is not here")
    for path in sorted((LIDC / "image").glob("*.nii.gz"))[:3]:
        scan = nib.as_closest_canonical(nib.load(path))
        shown = np.asarray(scan.dataobj)[::-1, ::-1].transpose(1, 0, 2)
        across, up, along = (float(mm) for mm in scan.header.get_zooms())
        series = f"1.2.{shown.sum() % 9973 + 1}.{shown.shape[0]}"
        for index in range(shown.shape[2]):
            header = instance(shown[..., index], along * index, series, PixelRepresentation=1)
            header.BitsStored, header.HighBit, header.RescaleIntercept = 16, 15, 0
            header.PixelSpacing, header.PixelData = [up, across], shown[..., index].tobytes()
            save(tmp_path / "nodule" / series / f"{shown.shape[2] - index}", header)
        (found,) = [
            scan
            for scan in read(tmp_path, shown.shape)
            if isinstance(scan, Scan) and np.array_equal(scan.image[0], shown)
        ]
        assert found.spacing_mm == pytest.approx((up, across, along), abs=1e-4)
