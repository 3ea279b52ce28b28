"""What the page shows is what the files hold."""

from __future__ import annotations

import json

import pytest

from pipeline import config
from pipeline.errors import DataError
from pipeline.report import contents
from tests.simulated_run import add_generators, make_run, parameters


@pytest.fixture
def generated(tmp_path):
    """A run with two families."""
    make_run(tmp_path, {})
    add_generators(tmp_path)
    return tmp_path


def test_fidelity_pairs_each_figure_with_its_floor(generated):
    """A row a figure, a value and a floor a family; the floors are no figures of their own."""
    found = contents.fidelity(parameters(), generated)
    assert found["families"] == ["conditional", "dcgan"]
    assert found["rows"][0]["title"] == "Kernel distance (KID)"
    assert len(found["rows"]) == 5
    first = json.loads((generated / "metrics/assess/conditional.json").read_text())["mean"]
    cell = found["rows"][0]["cells"][0]
    assert cell == {"value": first["kid"], "floor": first["kid_floor"]}
    # Two families, one model, three groups of images, seven figures.
    assert len(found["details"]) == 2 * 3 * 7
    assert [pair["family"] for pair in found["pairs"]] == ["conditional", "dcgan"]


def test_figures_without_a_name_here_are_shown_all_the_same(generated):
    """A metric that was added later appears under its own name."""
    path = generated / "metrics/assess/dcgan.json"
    document = json.loads(path.read_text())
    document["mean"]["density_score"] = 0.5
    path.write_text(json.dumps(document))
    rows = contents.fidelity(parameters(), generated)["rows"]
    row = next(row for row in rows if row["title"] == "density score")
    assert [cell["value"] for cell in row["cells"]] == [None, 0.5]


def test_images_by_class_real_first(generated):
    """Each class shows real images beside each family's."""
    rows = contents.image_sets(parameters(), generated)
    assert [row["label"] for row in rows] == ["cyst", "metastasis"]
    counts = [(strip["title"], strip["count"]) for strip in rows[0]["strips"]]
    assert counts == [("real", 8), ("conditional", 6), ("dcgan", 6)]


def test_trainings_tell_what_monitors_found(generated):
    """Curves of the first fold, findings of every model and what was done about them."""
    rows = contents.trainings(parameters(), generated)
    assert [row["family"] for row in rows] == ["conditional", "dcgan"]
    first, second = rows[1]["findings"]
    assert first == {
        "model": "r0f0g0/metastasis",
        "step": 500,
        "monitor": "lost_equilibrium",
        "action": "warn",
        "message": "the discriminator wins: D(x) is near 1",
        "outcome": "Training went on.",
    }
    assert second["outcome"].startswith("It was rolled back")


def test_parameters_hide_where_the_scans_lie():
    """The path of the scans and absolute paths in options stay on the machine."""
    values = parameters().model_dump(mode="json")
    values["ingest"] |= {"path": "scans of a clinic", "options": {"table": "/home/someone/t.csv"}}
    found = dict(contents.parameters(config.parse(values)))
    assert "ingest.path" not in found
    assert "ingest.options.table" not in found
    assert found["split.folds"] == "3"
    assert found["classify.arms.real.recipe"] == '"real"'


def test_unreadable_figures_name_the_file(generated):
    """A broken file is an error of ours, with the file's name."""
    (generated / "metrics/assess/dcgan.json").write_text("{")
    with pytest.raises(DataError, match=r"dcgan\.json"):
        contents.fidelity(parameters(), generated)


def test_versions_name_what_results_depend_on():
    """Versions are of libraries only."""
    found = dict(contents.versions())
    assert {"numpy", "scipy", "torch"} <= set(found)
