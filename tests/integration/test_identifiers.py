"""Names, numbers, birth dates and institutions of patients stay where the scans are.

DICOM files under planted identifiers, in headers, folder names and file names, go through all of
`dvc repro`, `sync` and `verdict`; then every file that came of it is searched, and all that was
said. One exemption: the directory `ingest.path`, which holds a name here, is the user's to choose;
params.yaml, dvc.lock and DVC's records of runs have it, and nothing else may.
"""

from __future__ import annotations

import datetime
import re
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from tests import tiny_clone
from tests.tiny_clone import Clone

CLASSES = ("benign", "malignant")
FIRST_NAMES = ("Ottokar", "Kunigunde", "Zwentibold", "Irmengard")
INSTITUTION = "Spital Hinterwalden"
PLACE = "Aufnahmen_Rauschenplat"
BROKEN = 4
OPTIONS = {"table": "befunde.csv", "key": "PatientID", "label": "finding"}


@dataclass(frozen=True)
class Patient:
    """Who is planted.

    Args:
        number: From which all identifiers follow.
    """

    number: int

    @property
    def surname(self) -> str:
        """One that no other text holds."""
        ends = ("bichler", "hofstetter", "mayrin", "thaler")
        starts = ("Kragen", "Nebel", "Quarz", "Wolken", "Ziegen", "Brunn", "Distel")
        return starts[self.number // 4] + ends[self.number % 4]

    @property
    def first_name(self) -> str:
        """Shared by some."""
        return FIRST_NAMES[self.number % 4]

    @property
    def mrn(self) -> str:
        """PatientID: a medical record number."""
        return f"MRN77{self.number:03d}4"

    @property
    def birth(self) -> datetime.date:
        """PatientBirthDate."""
        return datetime.date(1931 + self.number, 7, 23)

    @property
    def accession(self) -> str:
        """AccessionNumber."""
        return f"ACC8810{self.number:03d}"

    @property
    def study(self) -> str:
        """StudyInstanceUID."""
        return f"1.2.826.0.1.3680043.8.498.55519{self.number:03d}"

    @property
    def folder(self) -> str:
        """As many archives name them."""
        return f"{self.surname}_{self.first_name}_{self.mrn}"

    @property
    def tokens(self) -> set[str]:
        """What must show nowhere, in lower case; longer forms hold one of these."""
        dates = {self.birth.strftime(form) for form in ("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y")}
        words = {self.surname, self.first_name, self.mrn, self.accession, self.study}
        return {word.lower() for word in words} | dates


PATIENTS = tuple(Patient(number) for number in range(24 + BROKEN))
TOKENS = set().union(*(patient.tokens for patient in PATIENTS)) | {"hinterwalden", "rauschenplat"}
WRITTEN_BY_THE_USER = {"rauschenplat"}


def write_image(path: Path, patient: Patient, pixels: np.ndarray) -> None:
    """Write one CT slice with the patient in its header."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = f"{patient.study}.1.1"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.PatientName = f"{patient.surname}^{patient.first_name}"
    data.PatientID = patient.mrn
    data.PatientBirthDate = patient.birth.strftime("%Y%m%d")
    data.InstitutionName = INSTITUTION
    data.AccessionNumber = patient.accession
    data.StudyInstanceUID, data.SeriesInstanceUID = patient.study, f"{patient.study}.1"
    data.StudyDescription = f"Kontrolle {patient.surname}"
    data.Modality, data.InstanceNumber = "CT", 1
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.SliceThickness = [0.8, 0.8], 2.0
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 1
    data.RescaleSlope, data.RescaleIntercept = 1, 0
    data.PixelData = pixels.astype("<i2").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def write_archive(root: Path) -> None:
    """Write 24 patients with labels, and files that are broken in four ways, under their names."""
    rng = np.random.default_rng(8)
    *sound, truncated, strange, unlabelled, constant = PATIENTS
    rows = ["PatientID,Name,Born,finding"]
    for patient in PATIENTS:
        noise = rng.integers(-100, 200, (20, 20))
        noise[6:12, 6:12] += 150 * (patient.number % 2)
        pixels = np.full((20, 20), 40) if patient is constant else noise
        file = f"{patient.surname}^{patient.first_name}_{patient.birth:%Y%m%d}.dcm"
        path = root / patient.folder / file
        write_image(path, patient, pixels)
        if patient is not unlabelled:
            name = f"{patient.surname}^{patient.first_name}"
            row = patient.mrn, name, f"{patient.birth:%d.%m.%Y}", CLASSES[patient.number % 2]
            rows.append(",".join(row))
        if patient is truncated:
            path.write_bytes(path.read_bytes()[:-300])
        if patient is strange:
            path.write_text(f"Arztbrief: {' '.join(sorted(patient.tokens))}\n")
    assert len(sound) == 24
    (root / "befunde.csv").write_text("\n".join(rows) + "\n")


def leaks(clone: Clone, tokens: set[str]) -> Iterator[tuple[str, str]]:
    """Find tokens in the names and the bytes of all files that a clone's commit does not hold.

    Yields:
        Where and what.
    """
    committed = set(clone.run("git", "ls-files").splitlines())
    for path in sorted(clone.path.rglob("*")):
        place = path.relative_to(clone.path)
        if place.parts[0] == ".git" or place.as_posix() in committed:
            continue
        # DVC's lock file, and its records of each run, repeat ingest.path as a dependency.
        repeats = place.name == "dvc.lock" or place.parts[:3] == (".dvc", "cache", "runs")
        wanted = tokens - WRITTEN_BY_THE_USER if repeats else tokens
        content = path.read_bytes().lower() if path.is_file() else b""
        for token in found(str(place).encode().lower(), wanted) | found(content, wanted):
            yield str(place), token


def found(content: bytes, tokens: set[str]) -> set[str]:
    """The tokens in a text in lower case; eight digits count where no digit or point is before."""
    return {
        token
        for token in tokens
        if (word := token.encode()) in content
        and (not token.isdigit() or re.search(rb"(?<![\d.])" + word, content))
    }


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The user's scans, far from the project."""
    root = tmp_path_factory.mktemp("archive") / PLACE
    write_archive(root)
    return root


@pytest.fixture(scope="module")
def clone(tmp_path_factory, archive):
    """A clone that reads them."""
    ingest = {
        "source": "dicom",
        "path": str(archive),
        "size": [16, 16],
        "window": [-100, 200],
        "positive_class": "malignant",
        "max_quarantined": 0.2,
        "options": OPTIONS,
    }
    split = {"scheme": "holdout"}
    return tiny_clone.make(tmp_path_factory.mktemp("clone") / "project", ingest=ingest, split=split)


@pytest.mark.slow
class TestIdentifiers:
    """The acceptance of anonymity, end to end."""

    def test_the_search_finds_what_is_there(self, archive):
        """Every planted word is in the archive, and the search sees it; dates in their own form."""
        missing = set(TOKENS)
        for path in archive.parent.rglob("*"):
            missing -= found(str(path).encode().lower(), missing)
            missing -= found(path.read_bytes().lower() if path.is_file() else b"", missing)
        other_forms = {f"{p.birth:{form}}" for p in PATIENTS for form in ("%Y-%m-%d", "%d.%m.%Y")}
        assert missing <= other_forms

    def test_too_many_broken_scans_are_reported_without_names(self, clone):
        """The run stops, and neither its sentence nor its quarantine says who."""
        clone.change(ingest={"max_quarantined": 0.05})
        said = clone.run("dvc", "repro", status=255)
        clone.change(ingest={"max_quarantined": 0.2})
        assert "4 of 28 scans cannot be used" in said
        assert found(said.lower().encode(), TOKENS) == set()
        assert len((clone.path / "data/quarantine.csv").read_text().splitlines()) == 1 + BROKEN
        assert list(leaks(clone, TOKENS)) == []

    @pytest.mark.parametrize(
        "wrong", [{"labels": "folders"}, {**OPTIONS, "label": "Name"}, {"table": "befund.csv"}]
    )
    def test_patients_taken_for_classes_are_refused_without_names(self, clone, wrong):
        """Folders and columns that name patients become no classes, and show in no error."""
        clone.change(ingest={"options": wrong})
        said = clone.run("dvc", "repro", status=255)
        clone.change(ingest={"options": OPTIONS})
        assert "Error: " in said
        assert found(said.lower().encode(), TOKENS) == set()
        assert list(leaks(clone, TOKENS)) == []

    def test_a_whole_run_leaves_none_anywhere(self, clone):
        """Not in images, models, predictions, metrics, plots, exports, the page or MLflow."""
        said = clone.run("dvc", "repro")
        said += clone.run(sys.executable, "-m", "pipeline", "sync")
        said += clone.run(sys.executable, "-m", "pipeline", "verdict")
        assert "24 images of 24 patients" in said
        assert found(said.lower().encode(), TOKENS) == set()
        with sqlite3.connect(clone.path / "mlflow.db") as store:
            assert store.execute("select count(*) from runs").fetchone()[0] > 10
        for name in ("report/index.html", "exports/conditional", "mlartifacts", "predictions"):
            assert (clone.path / name).exists()
        assert list(leaks(clone, TOKENS)) == []
