"""What the page shows is what the files hold."""

from __future__ import annotations

import pytest

from pipeline import config
from pipeline.report import contents
from tests.simulated_run import add_generators, make_run, parameters


@pytest.fixture
def generated(tmp_path):
    """A run with two families."""
    make_run(tmp_path, {})
    add_generators(tmp_path)
    return tmp_path


def test_images_by_class_real_first(generated):
    """Each class shows real images beside each family's."""
    rows = contents.image_sets(parameters(), generated)
    assert [row["label"] for row in rows] == ["cyst", "metastasis"]
    counts = [(strip["title"], strip["count"]) for strip in rows[0]["strips"]]
    assert counts == [("real", 8), ("conditional", 6), ("dcgan", 6)]
    assert rows[0]["most"] == 8


def test_parameters_hide_where_the_scans_lie():
    """The path of the scans and absolute paths in options stay on the machine."""
    values = parameters().model_dump(mode="json")
    values["ingest"] |= {"path": "scans of a clinic", "options": {"table": "/home/someone/t.csv"}}
    found = dict(contents.parameters(config.parse(values)))
    assert "ingest.path" not in found
    assert "ingest.options.table" not in found
    assert found["split.folds"] == "3"
    assert found["classify.arms.real.recipe"] == '"real"'


def test_versions_name_what_results_depend_on():
    """Versions are of libraries only."""
    found = dict(contents.versions())
    assert {"numpy", "scipy", "torch"} <= set(found)
