"""Exported DICOM satisfies a validator and an archive, and says that nobody is a patient.

`dciodvfy` (Debian's dicom3tools) and `storescu` with `storescp` (dcmtk) run where they are
installed.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tests.shipments import COLOURS, FACTS, ship, synthetic_set

PICTURE = {"unit": "grey level", "dtype": np.uint8, "window": (0, 255), "orientation": "image"}
CASES: dict[str, dict[str, Any]] = {
    "CT slice": {"size": (9, 7)},
    "CT volume": {"size": (9, 7, 3)},
    "CT of floats": {"size": (9, 7), "dtype": np.float32},
    "CT, coronal": {"size": (9, 7, 3), "orientation": "ILA"},
    "CT of unknown spacing": {"size": (9, 7), "spacing_mm": None},
    "MR volume": {"size": (9, 7, 3), "channels": ("MR",), "unit": "grey level"},
    "ultrasound": {"size": (9, 7), "channels": ("US",), "spacing_mm": None, **PICTURE},
    "colours": {"size": (9, 7), "channels": COLOURS, "spacing_mm": None, **PICTURE},
    "two sequences": {"size": (9, 7), "channels": ("T1", "T2"), "unit": "au"},
}
# The newest dciodvfy that Debian has (2022) is older than Synthetic Data, which DICOM has now.
UNKNOWN_TO_IT = "(0x0008,0x001c)"
# Attributes of patients, visits and people (PS3.3 C.7.1-C.7.3) that would tell of somebody.
TELLING = (
    "PatientBirthDate", "PatientSex", "PatientAge", "PatientWeight", "PatientAddress",
    "OtherPatientIDs", "EthnicGroup", "InstitutionName", "InstitutionAddress", "StationName",
    "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName", "AccessionNumber",
    "StudyDate", "StudyTime", "SeriesDate", "AcquisitionDate", "StudyID",
)  # fmt: skip


def files_of(directory: Path) -> list[Path]:
    """All instances."""
    return sorted(directory.rglob("*.dcm"))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed")
def test_the_validator_reports_no_error(case: str, tmp_path: Path) -> None:
    """Images and segmentations; and the validator does report errors, where there are some."""
    images = synthetic_set(tmp_path / "r0f0g0", count=2, **CASES[case])
    files = files_of(ship("dicom", images, tmp_path / "out"))
    assert any("masks" in file.parts for file in files)
    for file in files:
        assert errors_in(file) == [], file
    broken = pydicom.dcmread(files[0])
    del broken.SOPClassUID
    broken.ImageType = ["DERIVED"]
    broken.save_as(tmp_path / "broken.dcm")
    assert errors_in(tmp_path / "broken.dcm")


def errors_in(file: Path) -> list[str]:
    """What dciodvfy finds wrong, but for the attribute that it is too old for."""
    found = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False)
    lines = (found.stdout + found.stderr).splitlines()
    return [line for line in lines if line.startswith("Error") and UNKNOWN_TO_IT not in line]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A storage server on the loopback interface: its port, and where it keeps what it gets."""
    if shutil.which("storescp") is None:
        pytest.skip("storescp is not installed")
    kept = tmp_path / "archive"
    kept.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(["storescp", "--output-directory", str(kept), str(port)])
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield port, kept
    server.terminate()
    server.wait(10)


@pytest.mark.parametrize("case", ["CT slice", "CT volume", "colours"])
def test_an_archive_accepts_every_instance(
    case: str, archive: tuple[int, Path], tmp_path: Path
) -> None:
    """Each is stored, and is then what was sent."""
    images = synthetic_set(tmp_path / "r0f0g0", **CASES[case])
    files = files_of(ship("dicom", images, tmp_path / "out"))
    port, kept = archive
    sent = subprocess.run(
        ["storescu", "--required", "127.0.0.1", str(port), *map(str, files)],
        capture_output=True,
        text=True,
    )
    assert sent.returncode == 0, sent.stderr
    stored = {header.SOPInstanceUID: header for header in map(pydicom.dcmread, kept.iterdir())}
    assert len(stored) == len(files)
    for header in map(pydicom.dcmread, files):
        assert stored[header.SOPInstanceUID].PixelData == header.PixelData


@pytest.mark.parametrize("case", CASES)
def test_every_instance_says_what_it_is(case: str, tmp_path: Path) -> None:
    """Synthetic, derived, for research, by which model with which seed, of nobody."""
    images = synthetic_set(tmp_path / "r0f0g0", **CASES[case])
    for file in files_of(ship("dicom", images, tmp_path / "out")):
        header = pydicom.dcmread(file)
        assert (header.SyntheticData, header.ContentQualification) == ("YES", "RESEARCH")
        assert header.ImageType[0] == "DERIVED"
        assert header.ImageType[1] == ("PRIMARY" if header.Modality == "SEG" else "SECONDARY")
        number = int(header.PatientID.rpartition("-")[2])
        assert f"dcgan (r0f0g0), seed {100 + number};" in header.DerivationDescription
        assert not [name for name in TELLING if header.get(name)]
        assert str(header.PatientName) == f"Synthetic^{header.PatientID}"
        if header.Modality != "SEG" and case != "colours":
            low, high = images.meta.window
            assert float(header.WindowCenter) == (low + high) / 2
            assert float(header.WindowWidth) == high - low


def test_every_image_is_of_a_patient_of_its_own(tmp_path: Path) -> None:
    """And has identifiers of its own, below the root that nobody needs to ask for."""
    sets = [synthetic_set(tmp_path / fold, (9, 7, 3)) for fold in ("r0f0g0", "r0f1g0")]
    files = files_of(ship("dicom", sets, tmp_path / "out") / "images")
    headers = [pydicom.dcmread(file) for file in files]
    assert len({header.PatientID for header in headers}) == 10
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert len({header[name].value for header in headers}) == 10
    uids = {header.SOPInstanceUID for header in headers}
    assert len(uids) == 30
    assert all(uid.startswith("2.25.") and uid.is_valid for uid in uids)


def test_identifiers_follow_from_the_seed_and_the_pixels(tmp_path: Path) -> None:
    """Another seed, and other pixels made with the same seed, are other instances."""
    images = synthetic_set(tmp_path / "first/r0f0g0", (9, 7))
    others = synthetic_set(tmp_path / "second/r0f0g0", (9, 7), window=(-90.0, 200.0))
    seeded = type(FACTS)(FACTS.name, FACTS.seed + 1)
    found = [
        {pydicom.dcmread(file).SOPInstanceUID for file in files_of(out)}
        for out in (
            ship("dicom", images, tmp_path / "a"),
            ship("dicom", images, tmp_path / "b"),
            ship("dicom", images, tmp_path / "c", facts=seeded),
            ship("dicom", others, tmp_path / "d"),
        )
    ]
    assert found[0] == found[1]
    assert not found[0] & found[2]
    # The last image's mask is its own; the masks of both sets are alike and still told apart.
    assert not found[0] & found[3]
