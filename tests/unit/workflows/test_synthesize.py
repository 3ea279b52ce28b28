"""The stage synthesize: labelled images, each from its own seed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from pipeline import config
from pipeline.errors import DataError, ParameterError
from pipeline.imageset import ImageSet, ImageSetWriter
from pipeline.splits import Splits
from pipeline.tracking import NullRun
from pipeline.workflows import assess, synthesize, train_gan
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        synthesize.run(params.model_copy(update={"synthesize": section}), root, family, NullRun())
    return ImageSet.open(root / "data/synthetic" / family / "r0f0g0")


def test_makes_the_asked_number_of_each_class(project):
    """Rows with their label, origin and seed, in the scans' unit and type."""
    images = sampled(project)
    family = project[1]
    manifest = images.manifest
    assert manifest["label"].tolist() == [name for name in tiny_project.CLASSES for _ in range(3)]
    assert set(manifest["origin"]) == {family}
    assert set(manifest["patient_id"]) == {"synthetic"}
    assert manifest["parent_ids"].eq("").all()
    assert manifest["image_id"].iloc[0] == f"{family}-r0f0g0-00001"
    assert manifest["seed"].nunique() == 6
    assert images.dtype == np.int16
    assert images.meta.note == "Noise, not scans."
    stored = images.stored()
    assert stored.min() >= -100
    assert stored.max() <= 200


def test_more_images_leave_the_others_as_they_were(project):
    """The first three of a class, and their scores, are the same if three or five are asked for."""
    few, many = sampled(project), sampled(project, per_class=5)
    for label in tiny_project.CLASSES:
        three, five = (each.take(each.manifest["label"].eq(label)) for each in (few, many))
        assert np.array_equal(three.stored(), five.stored()[:3])
        scores = [each.manifest["selection_score"].tolist() for each in (three, five)]
        assert scores[0] == scores[1][:3]


def test_selects_a_share_of_each_class(project):
    """Half of four of each, with a score from 0 to 1, and a summary beside them."""
    images = sampled(project, per_class=4)
    manifest = images.manifest
    # Images that pass for copies are never selected, of which this generator makes none.
    assert manifest.groupby("label")["selected"].sum().tolist() == [2, 2]
    assert manifest["selection_score"].between(0, 1).all()
    summary = json.loads((images.root / "selection.json").read_text())
    assert {name: found["images"] for name, found in summary.items()} == dict.fromkeys(
        tiny_project.CLASSES, 4
    )


def test_without_selection_all_are_selected(project):
    """Nothing is scored, and no network is fitted."""
    images = sampled(project, selection={"enabled": False})
    assert images.manifest["selected"].eq(1).all()
    assert images.manifest["selection_score"].isna().all()
    assert not (images.root / "selection.json").exists()


def test_selection_changes_nothing_but_its_two_columns(project):
    """Text as it was, seeds and empty cells among it."""
    tables = []
    for enabled in (True, False):
        root = sampled(project, selection={"enabled": enabled}).root
        table = pd.read_csv(root / "manifest.csv", dtype=str, keep_default_na=False)
        tables.append(table.drop(columns=["selected", "selection_score"]))
    pd.testing.assert_frame_equal(*tables)


def test_the_same_seed_gives_the_same_bytes(project):
    """Also where the network has to be fitted again."""
    found = []
    for _ in range(2):
        root = sampled(project).root
        found.append([(root / name).read_bytes() for name in ("manifest.csv", "selection.json")])
        shutil.rmtree(project[0] / ".resume/fitted")
    assert found[0] == found[1]


def rewritten(project, changed=()):
    """Write data/images anew, whole, with the pixels of some parts turned upside down."""
    root = project[0]
    splits, rng = Splits.open(root / "data/splits.csv"), np.random.default_rng(0)
    training = ImageSet.open(root / "data/augmented/r0f0")
    with ImageSetWriter(
        root / "data/images", training.meta, capacity=28, shape=(1, 16, 16), dtype="i2"
    ) as writer:
        for part, known in (("train", training), ("val", None), ("test", None)):
            for row, image_id in enumerate(sorted(splits.ids(0, 0, part))):
                image = rng.integers(-100, 200, (1, 16, 16))
                image = image if known is None else known.stored([row])[0]
                writer.add(
                    image[:, ::-1] if part in changed else image,
                    image_id=image_id,
                    label=tiny_project.CLASSES[row % 2],
                    patient_id=image_id,
                    origin="real",
                )


def test_test_rows_change_nothing(project):
    """A selection is the same whatever the test rows show; validation rows may choose a step."""
    bytes_of = []
    for changed in ((), ("test",)):
        rewritten(project, changed)
        root = sampled(project, per_class=6).root
        bytes_of.append((root / "manifest.csv").read_bytes())
        shutil.rmtree(project[0] / ".resume/fitted")
    assert bytes_of[0] == bytes_of[1]


def test_assess_looks_through_the_same_network(project, monkeypatch):
    """What selection fitted is found by assess, and not fitted again."""
    root, family = project
    rewritten(project)
    shutil.rmtree(root / ".resume/fitted", ignore_errors=True)
    sampled(project)
    monkeypatch.setenv("DVC_ROOT", str(root))
    assess.run(tiny_project.params(), root, family, NullRun())
    assert len(list((root / ".resume/fitted/fold_embedding").glob("*.safetensors"))) == 1


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
