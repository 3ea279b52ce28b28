"""Inspecting: figures, a picture, something to paste, and no patient anywhere."""

from __future__ import annotations

import io
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from ruamel.yaml import YAML

from pipeline import config
from pipeline.errors import DataError
from pipeline.registry import SOURCES
from pipeline.sources.source import Scan, Target
from pipeline.workflows import inspect
from tests import scan_trees
from tests.labelled_noise import labelled_noise
from tests.scan_trees import PATIENTS

TREES = {
    "dicom": scan_trees.dicom,
    "dicom-folders": lambda root: scan_trees.dicom(root, labels="folders"),
    "dicom-unlabelled": lambda root: scan_trees.dicom(root, labels="none"),
    "nifti": scan_trees.nifti,
    "nifti-unlisted": lambda root: scan_trees.nifti(root, table=False),
    "pictures": scan_trees.pictures,
    "pictures-by-patient": lambda root: scan_trees.pictures(root, PATIENTS[:3]),
    "npz": scan_trees.npz,
    "npz-own": lambda root: scan_trees.npz(root, PATIENTS[0]),
}
NAMES = re.compile("|".join(re.escape(part) for name in PATIENTS for part in name.split("^")), re.I)


@pytest.fixture
def inspected(tmp_path):
    """Inspects a path, and returns what was printed and the picture's place."""

    def inspect_it(path, **options):
        text = io.StringIO()
        out = tmp_path / "out.png"
        console = Console(file=text, width=100, highlight=False)
        inspect.run(tmp_path, path, out, console=console, **options)
        return text.getvalue(), out

    return inspect_it


@pytest.mark.parametrize("kind", TREES)
def test_no_patient_is_named(kind, tmp_path, inspected):
    """Neither in what is printed nor in the picture's bytes, whatever the scans are called."""
    (tmp_path / "scans").mkdir()
    root = TREES[kind](tmp_path / "scans")
    text, out = inspected(root)
    assert not NAMES.search(text), text
    assert out.exists() and not NAMES.search(out.read_bytes().decode("latin-1"))
    for path in root.rglob("*"):
        if path.is_file() and path.stem not in ("labels", "manifest", "breastmnist"):
            assert path.name not in text


@pytest.mark.parametrize("kind", ["dicom", "dicom-folders", "nifti", "pictures", "npz"])
def test_what_is_suggested_reads_the_scans(kind, tmp_path, inspected):
    """The pasted section opens the source on the whole folder, and takes what the trial took."""
    (tmp_path / "scans").mkdir()
    text, _ = inspected(TREES[kind](tmp_path / "scans"))
    block = text[text.index("ingest:\n") :].partition("\n\n")[0]
    section = config.Ingest(**YAML(typ="safe").load(block)["ingest"])
    assert section.path == "scans"
    options = config.options_of(SOURCES, section.source, section.options, "ingest.options")
    target = Target(section.size, section.window, 0)
    source = SOURCES.load(section.source)(tmp_path / section.path, options, target)
    taken = sum(isinstance(scan, Scan) for scan in source.scans())
    assert taken >= 5 and f"ingest would take {taken}," in text
    assert section.positive_class == "malignant"


def test_class_names_that_may_be_patients_are_shown_when_asked_for(tmp_path, inspected):
    """Folders may be patients; who asks for their names sees them."""
    root = scan_trees.pictures(tmp_path / "scans", PATIENTS[:3])
    assert "class 1 6" in inspected(root)[0]
    assert f"{PATIENTS[0]} 6" in inspected(root, show_classes=True)[0]


def test_labels_that_repeat_patients_would_stop_ingest(tmp_path, inspected):
    """The trial runs ingest's own guard, and says what it says without the name."""
    root = scan_trees.dicom(tmp_path / "scans", labels="none", slices=1)
    for number, patient in enumerate(PATIENTS[:4]):
        shutil.move(root / patient, root / PATIENTS[4 + number % 2] / patient)
    text, _ = inspected(root)
    assert "ingest would stop" in text and "repeats a patient" in text
    assert not NAMES.search(text)


def test_a_row_of_the_picture_is_a_class(tmp_path, inspected):
    """Two rows of six at most."""
    text, out = inspected(scan_trees.pictures(tmp_path / "scans"))
    assert "Picture: out.png, a row for each of: benign, malignant" in text
    with Image.open(out) as picture:
        assert picture.size == (6 * 100 - 4, 2 * 100 - 4)


def test_an_image_set_needs_no_ingest(tmp_path, inspected):
    """Its manifest is summed up."""
    labelled_noise(tmp_path / "set", [0, 0, 1], spacing_mm=(0.5, 0.5))
    text, out = inspected(tmp_path / "set")
    assert "ImageSet" in text and "3 by origin: real 3" in text
    assert "dark 2, bright 1" in text or "bright 1, dark 2" in text
    assert "0.5 x 0.5 mm" in text and "ingest:" not in text and out.exists()


@pytest.mark.parametrize("kind", ["dicom", "nifti", "pictures"])
def test_one_file_is_looked_at_alone(kind, tmp_path, inspected):
    """Nothing is suggested, since one file tells nothing of classes."""
    (tmp_path / "scans").mkdir()
    root = TREES[kind](tmp_path / "scans")
    ends = {"dicom": "IM3", "nifti": "JANE.nii", "pictures": "EDGAR_2.png"}
    file = next(path for path in sorted(root.rglob("*")) if path.name.endswith(ends[kind]))
    text, out = inspected(file)
    assert out.exists() and "ingest:" not in text and not NAMES.search(text)


def test_nothing_is_left_behind(tmp_path, inspected, monkeypatch):
    """The trial's directory is gone, and the scans are as they were."""
    root = scan_trees.pictures(tmp_path / "scans")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    inspected(root)
    assert not list((tmp_path / "temporary").iterdir())
    assert before == {path: path.stat().st_mtime_ns for path in root.rglob("*")}


@pytest.mark.parametrize("name", ["x.foo", "x", "gone/x.png", "folder.png", "file/x.png"])
def test_a_picture_that_cannot_be_written_is_refused_first(name, tmp_path, monkeypatch):
    """Before any scan is read."""

    def look(_):
        raise AssertionError("the scans were looked at")

    monkeypatch.setattr(inspect.contents, "look", look)
    monkeypatch.setattr(inspect.contents, "is_image_set", look)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    said = "cannot be written" if name.endswith(".png") else r"got a name .* must end in \.png"
    with pytest.raises(DataError, match=f"^--out: {said}"):
        inspect.run(tmp_path, tmp_path, tmp_path / name)


def test_a_picture_takes_the_place_of_an_earlier_one(tmp_path, inspected):
    """Looking twice is no mistake."""
    root = scan_trees.pictures(tmp_path / "scans")
    (tmp_path / "out.png").write_text("earlier")
    with Image.open(inspected(root)[1]) as picture:
        assert picture.size[0] > 100


def test_what_cannot_be_inspected_is_a_sentence(tmp_path, inspected):
    """A path that is not there, and an npz of no known layout, which is told all the same."""
    with pytest.raises(DataError, match="PATH"):
        inspected(tmp_path / "gone")
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    text, out = inspected(tmp_path / "a.npz")
    assert "another layout" in text and not out.exists()
