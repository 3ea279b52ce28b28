"""params.yaml and presets, each wrong once."""

from __future__ import annotations

from pipeline.doctor import parameters
from pipeline.doctor.finding import Project


def test_sound_parameters_are_summed_up(project):
    """The arms are counted, the families named."""
    found = parameters.parameters(project)
    assert found.state == "ok" and "5 arms" in found.said and "dcgan" in found.said


def test_an_unknown_family_is_a_problem(change):
    """What `ingest` would say."""
    found = parameters.parameters(change(("[conditional, dcgan]", "[conditional, dcgn]")))
    assert found.state == "problem" and "dcgn" in found.said


def test_a_missing_file_is_a_problem(tmp_path):
    """The sentence of `config.load`."""
    found = parameters.parameters(Project.at(tmp_path))
    assert found.state == "problem" and "params.yaml" in found.said


def test_a_preset_that_is_no_overlay_is_named(root, project):
    """One has an unknown section, one is no YAML."""
    assert parameters.presets(project).state == "ok"
    (root / "presets/mine.yaml").write_text("ingets: {}\n")
    (root / "presets/yours.yaml").write_text("a: [\n")
    found = parameters.presets(project)
    assert found.state == "warning" and "mine, yours" in found.said


def test_no_presets_are_said(tmp_path):
    """Where the directory is gone."""
    assert parameters.presets(Project.at(tmp_path)).state == "warning"
