"""The stage synthesize: labelled images, each from its own seed."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import config
from pipeline.errors import DataError, ParameterError
from pipeline.imageset import ImageSet
from pipeline.tracking import NullRun
from pipeline.workflows import synthesize, train_gan
from tests import tiny_project


@pytest.fixture(scope="module", params=["conditional", "dcgan"])
def project(request, tmp_path_factory):
    """A project with a trained family."""
    root = tmp_path_factory.mktemp("project")
    tiny_project.make(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        train_gan.run(tiny_project.params(), root, request.param, NullRun())
    return root, request.param


def sampled(project, **changes):
    """Run the stage with changed parameters and open what it wrote."""
    root, family = project
    params = tiny_project.params()
    section = config.Synthesize(**{"per_class": 3, **changes})
    synthesize.run(params.model_copy(update={"synthesize": section}), root, family, NullRun())
    return ImageSet.open(root / "data/synthetic" / family / "r0f0g0")


def test_makes_the_asked_number_of_each_class(project):
    """Rows with their label, origin and seed, all selected, in the scans' unit and type."""
    images = sampled(project)
    family = project[1]
    manifest = images.manifest
    assert manifest["label"].tolist() == [name for name in tiny_project.CLASSES for _ in range(3)]
    assert set(manifest["origin"]) == {family}
    assert set(manifest["patient_id"]) == {"synthetic"}
    assert manifest["parent_ids"].eq("").all()
    assert manifest["selected"].eq(1).all()
    assert manifest["selection_score"].isna().all()
    assert manifest["image_id"].iloc[0] == f"{family}-r0f0g0-00001"
    assert manifest["seed"].nunique() == 6
    assert images.dtype == np.int16
    assert images.meta.note == "Noise, not scans."
    stored = images.stored()
    assert stored.min() >= -100
    assert stored.max() <= 200


def test_more_images_leave_the_others_as_they_were(project):
    """The first three of a class are the same whether three or five are asked for."""
    few, many = sampled(project), sampled(project, per_class=5)
    for label in tiny_project.CLASSES:
        three = few.stored(few.manifest["label"].eq(label).to_numpy())
        five = many.stored(many.manifest["label"].eq(label).to_numpy())
        assert np.array_equal(three, five[:3])


def test_counts_by_class_win(project):
    """A class that is not named gets none."""
    images = sampled(project, counts={tiny_project.CLASSES[1]: 4})
    assert images.manifest["label"].tolist() == [tiny_project.CLASSES[1]] * 4


@pytest.mark.parametrize(
    ("counts", "message"),
    [({"cyst": 3}, r"counts\.cyst: is no class"), ({"benign": 0}, "asks for no image at all")],
)
def test_refuses_wrong_counts(project, counts, message):
    """In one sentence that names the parameter."""
    with pytest.raises(ParameterError, match=message):
        sampled(project, counts=counts)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A project with a trained family that is told attributes."""
    root = tmp_path_factory.mktemp("told")
    tiny_project.make(root, masks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        train_gan.run(tiny_project.params(), root, "stackgan", NullRun())
    return root, "stackgan"


def test_asked_attributes_are_given(told):
    """Every image has the margin that was asked for; unasked, margins are the rows' own."""
    asked = sampled(told, per_class=6, attributes={"stackgan": {"margin": "poor"}})
    assert set(asked.manifest["margin"]) == {"poor"}
    assert set(sampled(told, per_class=6).manifest["margin"]) == {"poor", "sharp"}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"margin": "fuzzy"}, r"synthesize\.attributes\.stackgan\.margin: got 'fuzzy'"),
        ({"colour": "red"}, r"synthesize\.attributes\.stackgan: .*'colour'"),
    ],
)
def test_refuses_attributes_that_are_not_told(told, wanted, message):
    """A column or a level that the scans do not have names the parameter."""
    with pytest.raises(ParameterError, match=message):
        sampled(told, attributes={"stackgan": wanted})


def test_refuses_to_ask_a_family_that_is_told_none(project):
    """A family that only knows classes says so."""
    with pytest.raises(ParameterError, match=r"synthesize\.attributes\..* is told no attributes"):
        sampled(project, attributes={project[1]: {"margin": "poor"}})


def test_asks_for_a_missing_model(tmp_path):
    """A stage that has not run yet is named."""
    tiny_project.make(tmp_path)
    with pytest.raises(DataError, match="run the stage train_gan"):
        synthesize.run(tiny_project.params(), tmp_path, "conditional", NullRun())
