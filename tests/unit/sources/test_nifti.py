"""NIfTI volumes become images of one shape, patient-wise upright, or are broken for a reason."""

import gzip
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import ParameterError
from pipeline.sources import crops, validity
from pipeline.sources.nifti import Nifti
from pipeline.sources.source import Broken, Scan, Target, UnusableError

RAS = np.diag([0.5, 1.0, 2.0, 1.0])
BASE = {"mask": "mask", "field_of_view_mm": 8.0}
LIDC = Path(__file__).parents[4] / "shared" / "data" / "lidc_nodules"


def volume() -> NDArray[np.int16]:
    """A volume (x, y, z) whose voxels tell their place: x + 100 y + 10000 (z > 4)."""
    x, y, z = np.ogrid[:20, :12, :9]
    return (x + 100 * y + 10000 * (z > 4) - 1000).astype(np.int16)


def lesion() -> NDArray[np.uint8]:
    """A box mask, widest at z = 6."""
    mask = np.zeros((20, 12, 9), np.uint8)
    mask[6:12, 4:7, 5:8] = 1
    mask[5:13, 4:8, 6] = 1
    return mask


def save(path: Path, data: NDArray[Any], affine: NDArray[Any] = RAS) -> None:
    """Write one volume."""
    nib.save(nib.Nifti1Image(data, affine), path)


def table(root: Path, *rows: str, heading: str = "image,mask,label,patient_id,grade,mm") -> None:
    """Write the table."""
    (root / "manifest.csv").write_text("\n".join([heading, *rows, ""]))


def one(root: Path, size: tuple[int, ...] = (8, 16), **options: Any) -> Scan | Broken:
    """Read the only scan of a directory."""
    source = Nifti(root, Nifti.Options(**{**BASE, **options}), Target(size, (-1000, 400), 0))
    (scan,) = source.scans()
    assert len(source) == 1
    return scan


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with one good row."""
    save(tmp_path / "a.nii.gz", volume())
    save(tmp_path / "m.nii.gz", lesion())
    table(tmp_path, "a.nii.gz,m.nii.gz,cyst,SECRET,high,2.5")
    return tmp_path


def test_whole_slice_shows_anterior_up_and_right_on_the_left(root: Path) -> None:
    """Rows run to posterior, columns to the left, and the slice is the mask's largest."""
    scan = one(root, (12, 20), crop="whole")
    assert isinstance(scan, Scan)
    assert np.array_equal(scan.image[0], volume()[::-1, ::-1, 6].T)
    assert scan.mask is not None and np.array_equal(scan.mask[0], lesion()[::-1, ::-1, 6].T)
    assert scan.spacing_mm == (1.0, 0.5) and scan.image.dtype == np.int16


def test_slices_are_the_last_axis_of_a_volume(root: Path) -> None:
    """In 3D the slices run from inferior to superior."""
    scan = one(root, (12, 20, 9), crop="whole")
    assert isinstance(scan, Scan)
    assert np.array_equal(scan.image[0], volume()[::-1, ::-1].transpose(1, 0, 2))
    assert scan.spacing_mm == (1.0, 0.5, 2.0)


@pytest.mark.parametrize("codes", ["LPS", "RAS", "SAR", "ILP", "ARI"])
@pytest.mark.parametrize("size", [(8, 16), (8, 16, 5)])
def test_storage_order_makes_no_difference(root: Path, codes: str, size: tuple[int, ...]) -> None:
    """A volume stored along any axes gives the same image as its RAS twin."""
    plain = one(root, size)
    for name in ("a.nii.gz", "m.nii.gz"):
        image = nib.load(root / name)
        turn = nib.orientations.ornt_transform(
            nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(codes)
        )
        nib.save(image.as_reoriented(turn), root / name)
    turned = one(root, size)
    assert isinstance(plain, Scan) and isinstance(turned, Scan)
    assert np.array_equal(plain.image, turned.image)
    assert turned.mask is not None and np.array_equal(plain.mask, turned.mask)


def test_fixed_field_of_view_is_in_millimetres_around_the_lesion(root: Path) -> None:
    """8 mm by 8 mm at 0.5 by 1 mm is 16 by 8 voxels around the middle of the mask."""
    scan = one(root, (8, 16), field_of_view_mm=(8.0, 8.0))
    assert isinstance(scan, Scan)
    # The mask's largest slice spans x 5..12 and y 4..7: its middle is (8.5, 5.5).
    expected = volume()[1:17, 2:10, 6][::-1, ::-1].T
    assert np.array_equal(scan.image[0], expected)
    assert scan.spacing_mm == (1.0, 0.5)


def test_one_length_gives_pixels_of_one_spacing(root: Path) -> None:
    """A single field of view is that of the axis with fewest pixels."""
    scan = one(root, (4, 8), field_of_view_mm=4.0)
    assert isinstance(scan, Scan) and scan.spacing_mm == (1.0, 1.0)


def test_lesion_crop_hides_the_size_of_the_lesion(tmp_path: Path) -> None:
    """Discs of any diameter fill the same share of the frame: 1 / margin across."""
    x, y, _ = np.ogrid[:96, :96, :3]
    rows = []
    for radius in (6, 10, 20):
        disc = np.hypot(x - 48, y - 48) <= radius
        data = np.where(disc, 50, -800) + np.zeros((96, 96, 3))
        save(tmp_path / f"a{radius}.nii", data.astype(np.int16), np.eye(4))
        save(
            tmp_path / f"m{radius}.nii", np.broadcast_to(disc, (96, 96, 3)).astype("u1"), np.eye(4)
        )
        rows.append(f"a{radius}.nii,m{radius}.nii,x,p,g,1")
    table(tmp_path, *rows)
    options = Nifti.Options(mask="mask", crop="lesion", margin=2.0)
    scans = list(Nifti(tmp_path, options, Target((32, 32), None, 0)).scans())
    for scan, radius in zip(scans, (6, 10, 20), strict=True):
        assert isinstance(scan, Scan) and scan.mask is not None
        assert scan.mask.any(axis=(0, 1)).sum() == pytest.approx(16, abs=1)
        assert scan.spacing_mm == pytest.approx([2 * (2 * radius + 1) / 32] * 2)


def test_lesion_crop_invents_nothing_beyond_the_scan(root: Path) -> None:
    """A box longer than the scan is shortened to it: every corner is a real corner."""
    scan = one(root, (12, 12), crop="lesion", margin=50.0)
    assert isinstance(scan, Scan)
    assert scan.spacing_mm == (10 / 12, 10 / 12)  # 20 voxels of 0.5 mm are 10 mm, the shorter side


def test_fixed_crop_near_the_border_moves_inside(root: Path) -> None:
    """A field of view that fits is never filled up, wherever the lesion lies."""
    mask = np.zeros((20, 12, 9), np.uint8)
    mask[0, 0, 2] = 1
    save(root / "m.nii.gz", mask)
    scan = one(root, (8, 16), field_of_view_mm=(8.0, 8.0))
    assert isinstance(scan, Scan)
    assert np.array_equal(scan.image[0], volume()[:16, :8, 2][::-1, ::-1].T)


def test_fixed_crop_beyond_the_scan_is_mirrored(root: Path) -> None:
    """The scale of a fixed field of view holds even where the scan is smaller."""
    scan = one(root, (24, 40), field_of_view_mm=(24.0, 20.0))
    assert isinstance(scan, Scan) and scan.spacing_mm == (1.0, 0.5)
    rows = scan.image[0][:, 20].astype(int)
    assert np.array_equal(rows[:6], rows[6:12][::-1])


def test_spacing_alone_sets_the_field_of_view(root: Path) -> None:
    """With `spacing_mm` and no field of view, pixels have just that spacing."""
    scan = one(root, (4, 6, 4), field_of_view_mm=None, spacing_mm=(1.5, 1.0, 4.0))
    assert isinstance(scan, Scan) and scan.spacing_mm == (1.5, 1.0, 4.0)


def test_respacing_keeps_place_and_mean(tmp_path: Path) -> None:
    """A linear ramp stays the same ramp in millimetres at another spacing."""
    ramp = np.broadcast_to(np.arange(40, dtype=np.int16)[:, None, None] * 10, (40, 16, 8)).copy()
    save(tmp_path / "a.nii", ramp, np.eye(4))
    table(tmp_path, "a.nii,,x,p,g,1")
    scan = one(tmp_path, (4, 8), mask=None, field_of_view_mm=None, spacing_mm=(2.0, 2.0, 2.0))
    assert isinstance(scan, Scan)
    middle = 19.5 * 10
    assert scan.image[0, 0] == pytest.approx(middle - 20 * (np.arange(8) - 3.5), abs=1)


def test_without_masks_the_centre_is_taken(root: Path) -> None:
    """The middle slice, around the middle of the volume."""
    scan = one(root, (2, 4), mask=None, field_of_view_mm=(2.0, 2.0))
    assert isinstance(scan, Scan) and scan.mask is None
    assert np.array_equal(scan.image[0], volume()[8:12, 5:7, 4][::-1, ::-1].T)


def test_scaled_integers_are_read_in_hounsfield_units(tmp_path: Path) -> None:
    """scl_slope and scl_inter of the header are applied."""
    image = nib.Nifti1Image(volume().astype(np.int16), RAS)
    image.header.set_slope_inter(2.0, -24.0)
    nib.save(image, tmp_path / "a.nii")
    raw = nib.load(tmp_path / "a.nii").dataobj.get_unscaled()
    table(tmp_path, "a.nii,,x,p,g,1")
    scan = one(tmp_path, (12, 20), mask=None, crop="whole")
    assert isinstance(scan, Scan)
    assert np.array_equal(scan.image[0], 2 * raw[::-1, ::-1, 4].T - 24)


def test_units_other_than_millimetres_are_converted(root: Path) -> None:
    """A header in metres gives the millimetres that it means."""
    for name in ("a.nii.gz", "m.nii.gz"):
        old = nib.load(root / name)
        image = nib.Nifti1Image(np.asarray(old.dataobj), old.affine / [[1e3], [1e3], [1e3], [1]])
        image.header.set_xyzt_units("meter")
        nib.save(image, root / name)
    scan = one(root, (12, 20), crop="whole")
    assert isinstance(scan, Scan) and scan.spacing_mm == pytest.approx((1.0, 0.5))


def test_other_units_stay_fractions(tmp_path: Path) -> None:
    """Only Hounsfield units are rounded to whole numbers."""
    save(tmp_path / "a.nii", volume().astype(np.float32) / 20000)
    table(tmp_path, "a.nii,,x,p,g,1")
    scan = one(tmp_path, (12, 20), mask=None, crop="whole", unit="T2")
    assert isinstance(scan, Scan) and scan.image.dtype == np.float32
    assert scan.image[0, 0, 0] == pytest.approx(volume()[-1, -1, 4] / 20000)


def test_other_units_may_be_large(tmp_path: Path) -> None:
    """Counts of a PET scan do not end where Hounsfield units do."""
    save(tmp_path / "a.nii", volume().astype(np.float32) * 90)
    table(tmp_path, "a.nii,,x,p,g,1")
    options = {"mask": None, "crop": "whole", "unit": "Bq/mL"}
    scan = one(tmp_path, (12, 20), **options)
    assert isinstance(scan, Scan) and np.abs(scan.image).max() > 40000
    source = Nifti(tmp_path, Nifti.Options(**options), Target((12, 20), (0, 1e5), 0))
    assert validity.problem_with(scan, source.settings(), (12, 20)) is None


def test_attributes_are_those_asked_for(root: Path) -> None:
    """Numbers are numbers, words are words, and the patient is only in its own field."""
    scan = one(root, attributes=("grade", "mm"))
    assert isinstance(scan, Scan)
    assert scan.attributes == {"grade": "high", "mm": 2.5}
    assert (scan.label, scan.patient) == ("cyst", "SECRET")


@pytest.mark.parametrize(
    ("options", "window", "parameter"),
    [
        ({"field_of_view_mm": None}, None, "ingest.options.field_of_view_mm"),
        ({"field_of_view_mm": (1.0, 2.0, 3.0)}, None, "ingest.options.field_of_view_mm"),
        ({"crop": "lesion", "mask": None}, None, "ingest.options.mask"),
        ({"unit": "T2"}, None, "ingest.window"),
        ({"label": "lable"}, None, "ingest.options.label"),
        ({"attributes": ("patient_id",)}, None, "ingest.options.attributes"),
        ({"table": "SECRET/absent.csv"}, None, "ingest.options.table"),
    ],
)
def test_wrong_parameters_are_named(
    root: Path, options: dict[str, Any], window: tuple[float, float] | None, parameter: str
) -> None:
    """What params.yaml alone shows to be wrong stops before any scan is read."""
    with pytest.raises(ParameterError) as caught:
        Nifti(root, Nifti.Options(**{**BASE, **options}), Target((8, 8), window, 0))
    assert caught.value.parameter == parameter


def _bytes(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        path = root / name
        path.write_bytes(change(path.read_bytes()))

    return apply


def _gzipped(change: Callable[[bytearray], object]) -> Callable[[Path], None]:
    def edit(packed: bytes) -> bytes:
        plain = bytearray(gzip.decompress(packed))
        change(plain)
        return gzip.compress(bytes(plain))

    return _bytes("a.nii.gz", edit)


def _put(start: int, value: bytes) -> Callable[[Path], None]:
    def put(plain: bytearray) -> None:
        plain[start : start + len(value)] = value

    return _gzipped(put)


def _voxels(data: NDArray[Any], affine: NDArray[Any] = RAS, name: str = "a.nii.gz") -> Any:
    return lambda root: save(root / name, data, affine)


def _cells(row: str) -> Callable[[Path], None]:
    return lambda root: table(root, row)


def _spoilt(value: float) -> NDArray[np.float32]:
    data = volume().astype(np.float32)
    data[3, 4, 5] = value
    return data


_RGB = np.zeros((20, 12, 9), [("R", "u1"), ("G", "u1"), ("B", "u1")])
_SHIFTED = RAS + np.array([[0, 0, 0, 9.0], *[[0] * 4] * 3])

MALFORMED: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated gzip": (_bytes("a.nii.gz", lambda b: b[:-40]), "truncated"),
    "truncated header": (_gzipped(lambda b: b.__delitem__(slice(200, None))), "not a NIfTI"),
    "truncated voxels": (_gzipped(lambda b: b.__delitem__(slice(900, None))), "truncated"),
    "corrupt gzip": (_bytes("a.nii.gz", lambda b: b[:80] + bytes(60) + b[140:]), "truncated"),
    "empty file": (_bytes("a.nii.gz", lambda b: b""), "empty file"),
    "not gzip": (_bytes("a.nii.gz", lambda b: b"SECRET " * 99), "not a NIfTI"),
    "wrong magic": (_put(344, b"SEC\0"), "not a NIfTI"),
    "unknown data type": (_put(70, b"\x99\x01"), "not a NIfTI"),
    "endless dimensions": (_put(42, b"\xff\x7f\xff\x7f\xff\x7f"), "truncated"),
    "negative dimension": (_put(42, b"\xf0\xff"), "no slices"),
    "no slices": (_voxels(np.zeros((20, 12, 0), np.int16)), "no slices"),
    "NaN": (_voxels(_spoilt(np.nan)), "NaN or infinite"),
    "infinite": (_voxels(_spoilt(np.inf)), "NaN or infinite"),
    "constant": (_voxels(np.full((20, 12, 9), 7, np.int16)), "constant"),
    "colour": (_voxels(_RGB), "colours"),
    "complex": (_voxels(volume().astype(np.complex64)), "colours or complex"),
    "several volumes": (_voxels(np.zeros((4, 4, 4, 2), np.int16)), "several volumes"),
    "singular affine": (_put(312, bytes(16)), "impossible geometry"),
    "NaN affine": (_put(280, b"\0\0\xc0\x7f"), "impossible geometry"),
    "mask of another shape": (_voxels(lesion()[:-1], name="m.nii.gz"), "another shape"),
    "mask elsewhere": (_voxels(lesion(), _SHIFTED, "m.nii.gz"), "elsewhere"),
    "empty mask": (_voxels(lesion() * 0, name="m.nii.gz"), "mask is empty"),
    "damaged mask": (_bytes("m.nii.gz", lambda b: b[:20]), "the mask is"),
    "absent image": (_cells("no.nii,m.nii.gz,cyst,SECRET,,"), "missing image"),
    "absent mask": (_cells("a.nii.gz,no.nii,cyst,SECRET,,"), "missing mask"),
    "no image named": (_cells(",m.nii.gz,cyst,SECRET,,"), "missing image"),
    "no mask named": (_cells("a.nii.gz,,cyst,SECRET,,"), "missing mask"),
    "missing label": (_cells("a.nii.gz,m.nii.gz,,SECRET,,"), "missing label"),
    "missing patient": (_cells("a.nii.gz,m.nii.gz,cyst,,,"), "missing patient"),
    "outside": (_cells("../SECRET.nii,m.nii.gz,cyst,SECRET,,"), "outside ingest.path"),
    "a directory": (_cells(".,m.nii.gz,cyst,SECRET,,"), "missing image"),
    "another format": (_cells("manifest.csv,m.nii.gz,cyst,SECRET,,"), "not a NIfTI"),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_malformed_scan_is_broken_for_a_named_reason(
    root: Path, fault: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is yielded, not raised; the reason says what is wrong, and names no file or patient."""
    spoil, reason = MALFORMED[fault]
    spoil(root)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scan = one(root)
    assert isinstance(scan, Broken), "a malformed scan was read as if it were good"
    assert reason in scan.reason
    shown = scan.reason + "".join(capfd.readouterr())
    assert not any(word in shown for word in ("SECRET", str(root), ".nii"))


def test_single_slice_is_no_volume(root: Path) -> None:
    """A flat file is a 2D image but not a 3D one."""
    save(root / "a.nii.gz", volume()[:, :, :1])
    assert isinstance(one(root, mask=None), Scan)
    broken = one(root, (8, 8, 8), mask=None)
    assert isinstance(broken, Broken) and "single slice" in broken.reason


def test_broken_rows_leave_the_others_alone(root: Path) -> None:
    """The run goes on after a broken row, in the table's order."""
    rows = ["no.nii,m.nii.gz,cyst,p,,", "a.nii.gz,m.nii.gz,cyst,p,,"]
    table(root, *rows, *rows)
    source = Nifti(root, Nifti.Options(**BASE), Target((8, 8), None, 0))
    scans = list(source.scans())
    assert [type(scan) for scan in scans] == [Broken, Scan] * 2
    assert len({scan.key for scan in scans}) == len(source) == 4


def test_nodules_fill_the_frame_alike_in_both_classes() -> None:
    """On real nodules the lesion crop hides size: benign and malignant fill much the same share."""
    if not LIDC.exists():
        pytest.skip(f"needs {LIDC}, which is not here")
    options = Nifti.Options(image="file", mask="mask", crop="lesion", attributes=("diameter_mm",))
    source = Nifti(LIDC, options, Target((32, 32), None, 0))
    source._rows = source._rows[::10]
    share: dict[str, list[float]] = {"Benign": [], "Malign": []}
    for scan in source.scans():
        assert isinstance(scan, Scan) and scan.mask is not None
        assert isinstance(scan.attributes["diameter_mm"], float)
        share[scan.label].append(float(scan.mask.mean()))
    # 1.5 lesions across a frame are at most 44 per cent of it; the classes' diameters differ 2.3x.
    means = [np.mean(share[label]) for label in ("Benign", "Malign")]
    assert 0.7 < means[0] / means[1] < 1.4 and max(means) < 0.45


def test_a_spacing_that_no_memory_holds_is_refused() -> None:
    """Before anything of that size is made."""
    grid = crops.Grid(np.zeros((1, 10, 10, 10), np.float32), (1.0, 1.0, 1.0))
    with pytest.raises(UnusableError, match=r"spacing_mm it would have 1e\+12 voxels"):
        crops.respace(grid, (0.001, 0.001, 0.001))
    assert crops.respace(grid, (0.5, 0.5, 0.5)).image.shape == (1, 20, 20, 20)
