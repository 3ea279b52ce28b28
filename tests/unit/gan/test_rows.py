"""Which rows a model is handed, and as which classes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.gan import rows as choosing
from pipeline.gan.family import Shape, TrainingOptions
from pipeline.gan.rows import Rows
from pipeline.imageset import ImageSet, ImageSetWriter, Meta

CLASSES = ("a", "b", "c")


class Spy:
    """A diet that keeps what it is given."""

    sees_others = False
    words = 5

    def __init__(self, images, labels, options, device):
        self.images, self.labels, self.options, self.device = images, labels, options, device


class Nosy(Spy):
    """One that wants the other classes too."""

    sees_others = True


@pytest.fixture(autouse=True)
def _diets(monkeypatch):
    diets = {"spy": Spy, "nosy": Nosy}
    monkeypatch.setattr(choosing, "DIETS", SimpleNamespace(load=diets.__getitem__))


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Six real images, two of each class in turn, and a copy of each."""
    root = tmp_path_factory.mktemp("set")
    meta = Meta(CLASSES, ("CT", "PET"), "HU", (0.0, 1.0))
    with ImageSetWriter(root, meta, capacity=12, shape=(2, 8, 9), dtype=np.int16) as writer:
        for number in range(12):
            writer.add(
                np.zeros((2, 8, 9)),
                image_id=f"i{number}",
                label=CLASSES[number % 3],
                patient_id="p",
                origin="real" if number < 6 else "classical",
                parent_ids=() if number < 6 else (f"i{number - 6}",),
            )
    return ImageSet.open(root)


def chosen(training, label, batches="spy", **options):
    """The rows of a model."""
    family = SimpleNamespace(batches=batches)
    return Rows.of(training, family, TrainingOptions(**options), label, "cpu")


def test_a_model_of_all_classes_sees_all_rows(training):
    """It counts classes as the set does."""
    rows = chosen(training, None)
    assert rows.diet.labels.tolist() == [0, 1, 2] * 4
    assert rows.made == {"a": 0, "b": 1, "c": 2}
    assert rows.shape == Shape(2, (8, 9), 3, 5)


def test_a_model_of_one_class_sees_that_class_alone(training):
    """It knows of one class, whose index is 0, whichever it is in the set."""
    rows = chosen(training, "b")
    assert set(rows.images.manifest["label"]) == {"b"}
    assert rows.diet.labels.tolist() == [0] * 4
    assert rows.made == {"b": 0}
    assert rows.shape.classes == 1


def test_a_diet_may_ask_for_the_other_classes(training):
    """Then rows of the model's own class are labelled 1; what it makes is still class 0."""
    rows = chosen(training, "b", "nosy")
    assert len(rows.images) == 12
    assert rows.diet.labels.tolist() == [0, 1, 0] * 4
    assert rows.made == {"b": 0}
    assert rows.shape.classes == 1


@pytest.mark.parametrize(("label", "count"), [(None, 6), ("c", 2)])
def test_copies_are_left_out_where_they_are_not_wanted(training, label, count):
    """What is left is real."""
    rows = chosen(training, label, copies=False)
    assert len(rows.images) == count
    assert set(rows.images.manifest["origin"]) == {"real"}


def test_the_diet_gets_the_same_rows_and_options(training):
    """Nothing comes between."""
    rows = chosen(training, "a", batch=7)
    assert rows.diet.images is rows.images
    assert rows.diet.options.batch == 7
    assert rows.diet.device == "cpu"
