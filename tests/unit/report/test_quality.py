"""Fidelity on the page is what the files hold, each figure beside its floor."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.report import quality
from tests.simulated_run import add_generators, make_run, parameters


@pytest.fixture
def generated(tmp_path):
    """A run with two families."""
    make_run(tmp_path, {})
    add_generators(tmp_path)
    return tmp_path


def found(root):
    """The tables of a run."""
    return quality.fidelity(quality.documents(parameters(), root))


def change(root, family, change_fold):
    """Change every fold of a family's file."""
    path = root / f"metrics/assess/{family}.json"
    document = json.loads(path.read_text())
    for fold in document["folds"].values():
        change_fold(fold)
    path.write_text(json.dumps(document))


def test_each_figure_stands_beside_its_floor(generated):
    """A table for all classes and each of them, a cell a family, with value and floor."""
    tables = found(generated)
    assert tables["families"] == ["conditional", "dcgan"]
    (extractor,) = tables["extractors"]
    assert [group["name"] for group in extractor["groups"]] == ["all", "cyst", "metastasis"]
    row = extractor["groups"][0]["rows"][0]
    assert row["title"] == "Kernel distance (KID)"
    first = json.loads((generated / "metrics/assess/conditional.json").read_text())
    kid = first["folds"]["r0f0g0"]["all"]["kid"]
    assert row["cells"][0] == {"value": kid["value"], "floor": kid["floor"], "error": None}
    # Two families, one model, three groups of images, seven figures.
    assert len(tables["details"]) == 2 * 3 * 7


def test_distances_stand_apart(generated):
    """They tell of copies, and no figure is in both tables."""
    group = found(generated)["extractors"][0]["groups"][0]
    assert {row["name"] for row in group["near"]} == {"nearest_median", "share_near_training"}
    assert not {row["name"] for row in group["rows"]} & quality.DISTANCES


def test_means_are_over_folds(generated):
    """A second fold moves the mean halfway, and the standard error goes with its figure."""
    path = generated / "metrics/assess/dcgan.json"
    document = json.loads(path.read_text())
    other = json.loads(json.dumps(document["folds"]["r0f0g0"]))
    before = other["all"]["kid"]["value"]
    other["all"]["kid"]["value"] = before + 1
    other["all"]["kid_standard_error"] = {"value": 0.25, "floor": 0.5}
    document["folds"]["r0f1g0"] = other
    path.write_text(json.dumps(document))
    rows = found(generated)["extractors"][0]["groups"][0]["rows"]
    cell = next(row for row in rows if row["name"] == "kid")["cells"][1]
    assert np.isclose(cell["value"], before + 0.5)
    assert cell["error"] == 0.25
    assert "kid_standard_error" not in {row["name"] for row in rows}


def test_further_extractors_have_tables_of_their_own(generated):
    """Their figures stand under `features`, and a family without them has an empty cell."""
    change(
        generated,
        "dcgan",
        lambda fold: fold.update(features={"texture": {"all": {"kid": {"value": 7.0}}}}),
    )
    extractors = found(generated)["extractors"]
    assert [each["title"] for each in extractors][1] == "Textures"
    (row,) = extractors[1]["groups"][0]["rows"]
    assert [cell["value"] for cell in row["cells"]] == [None, 7.0]


def test_figures_without_a_name_here_are_shown_all_the_same(generated):
    """A metric that was added later appears under its own name, after those that have a line."""
    change(generated, "dcgan", lambda fold: fold["all"].update(density_score=0.5))
    rows = found(generated)["extractors"][0]["groups"][0]["rows"]
    assert rows[-1]["title"] == "density score"
    assert [cell["value"] for cell in rows[-1]["cells"]] == [None, 0.5]


def test_unreadable_figures_name_the_file(generated):
    """A broken file is an error of ours, with the file's name."""
    (generated / "metrics/assess/dcgan.json").write_text("{")
    with pytest.raises(DataError, match=r"dcgan\.json"):
        quality.documents(parameters(), generated)
