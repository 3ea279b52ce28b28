"""Files are sorted by what is in them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.survey import contents, recognition
from tests import scan_trees


def test_a_dicom_file_needs_no_ending(tmp_path):
    """Its preamble tells; a table, a note and a hidden file are told apart."""
    scan_trees.dicom(tmp_path, slices=1)
    (tmp_path / "notes.docx").write_bytes(b"x" * 200)
    (tmp_path / ".hidden.png").write_bytes(b"x")
    (tmp_path / "volume.nrrd").write_bytes(b"NRRD0004")
    found = contents.look(tmp_path)
    assert {kind: len(files) for kind, files in found.kinds.items()} == {
        "dicom": 6, "table": 1, "other": 1, "foreign": 1,
    }  # fmt: skip
    said = {"dicom 6", "table 1", "other 1", "formats that no source reads 1"}
    assert set(found.counts().split(", ")) == said


def test_more_files_than_can_be_looked_at_are_said(tmp_path, monkeypatch):
    """The bound keeps a tree of millions from being walked."""
    monkeypatch.setattr(contents, "MOST", 3)
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(b"x")
    found = contents.look(tmp_path)
    assert found.beyond and len(found.of("picture")) == 3 and "the first 3 only" in found.counts()


def test_one_file_is_a_tree_of_one(tmp_path):
    """Its directory is not walked."""
    np.savez(tmp_path / "a.npz", x=1)
    np.savez(tmp_path / "b.npz", x=1)
    found = contents.look(tmp_path / "a.npz")
    assert found.single and found.kinds == {"npz": ["a.npz"]}


def test_nothing_is_a_sentence(tmp_path):
    """An absent path, an empty one, and one without scans."""
    for path, said in ((tmp_path / "gone", "no such file"), (tmp_path, "holds no files")):
        with pytest.raises(DataError, match=said):
            contents.look(path)
    (tmp_path / "DOE.nrrd").write_bytes(b"NRRD")
    with pytest.raises(DataError, match="to NIfTI") as error:
        recognition.describe(contents.look(tmp_path))
    assert "DOE" not in str(error.value)


def test_an_error_of_a_decoder_comes_without_its_text(tmp_path, monkeypatch):
    """It may quote a file's name."""

    def broken(_):
        raise OSError("/data/DOE.png")

    monkeypatch.setattr(recognition, "FORMATS", {"picture": broken})
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(DataError, match="OSError") as error:
        recognition.describe(contents.look(tmp_path))
    assert "DOE" not in str(error.value)


def test_an_image_set_is_known_by_its_three_files(tmp_path):
    """All of them."""
    for name in ("images.npy", "manifest.csv"):
        (tmp_path / name).touch()
    assert not contents.is_image_set(tmp_path)
    (tmp_path / "meta.json").write_text(json.dumps({}))
    assert contents.is_image_set(tmp_path)
