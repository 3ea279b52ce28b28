"""What is suggested can be pasted, and the nearest preset is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline import config
from pipeline.registry import SOURCES
from pipeline.survey import contents, recognition, suggestion
from tests import scan_trees

ROOT = Path(__file__).parents[3]
MAKERS = {
    "dicom": scan_trees.dicom,
    "nifti": scan_trees.nifti,
    "image_folder": scan_trees.pictures,
    "medmnist": scan_trees.npz,
}


@pytest.mark.parametrize("source", MAKERS)
def test_the_block_is_a_right_section(source, tmp_path):
    """YAML that the parameters' own check takes, and that says what `values` says."""
    MAKERS[source](tmp_path)
    found = recognition.describe(contents.look(tmp_path))
    text = suggestion.block(found, "/data/my scans: 1", "malignant")
    section = YAML(typ="safe").load(text)["ingest"]
    assert section == suggestion.values(found, "/data/my scans: 1", "malignant")
    assert set(section) == set(config.Ingest.model_fields)  # it replaces the section whole
    assert config.Ingest(**section).source == source
    config.options_of(SOURCES, source, section["options"], "ingest.options")


@pytest.mark.parametrize(
    ("source", "preset"),
    [
        ("dicom", "dicom"),
        ("nifti", "lidc_nodules"),
        ("image_folder", "busi"),
        ("medmnist", "breastmnist"),
    ],
)
def test_the_nearest_preset_has_the_same_source_and_axes(source, preset, tmp_path):
    """Of those in presets/."""
    MAKERS[source](tmp_path)
    found = recognition.describe(contents.look(tmp_path))
    name, same = suggestion.closest_preset(ROOT, suggestion.values(found, "x", None))
    assert name == preset
    assert same == (source == "medmnist")


def test_without_a_preset_of_the_source_there_is_none(tmp_path):
    """And a broken one is passed over."""
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets/a.yaml").write_text("- no mapping\n")
    (tmp_path / "presets/b.yaml").write_text("a: [\n")
    wanted = {"source": "dicom", "size": [32, 32], "options": {}}
    assert suggestion.closest_preset(tmp_path, wanted) is None


@pytest.mark.parametrize("text", ["yes", "null", "a: b", "it's", "-x", "#", "", "1e3", "/data/x-1"])
def test_words_stay_words(text):
    """Whatever YAML would take them for."""
    assert YAML(typ="safe").load(f"key: {suggestion._text(text)}") == {"key": text}
