"""Discriminators are asked of each image as of its class, whichever model knows that."""

import numpy as np
import pytest
import torch

from pipeline import seeding
from pipeline.compute import Machine
from pipeline.gan import judging
from pipeline.gan.checkpoints import load_model, save_model
from pipeline.gan.family import Batch, Shape
from pipeline.gan.naming import file_name
from pipeline.registry import FAMILIES
from tests import tiny_project


def publish(directory, name, label, classes):
    """An untrained model of a family, as the stage train_gan leaves one."""
    seeding.seed_initialisation(0, name, str(label))
    kind = FAMILIES.load(name)
    shape = Shape(1, (16, 16), len(classes))
    model = kind(shape, kind.Options.model_validate(tiny_project.OPTIONS))
    facts = {"classes": list(classes)}
    save_model(directory / f"{file_name(label)}.safetensors", model, name, shape, facts)


@pytest.fixture
def training(tmp_path):
    """Eight images of two classes and their copies."""
    return tiny_project.make(tmp_path)


def test_a_model_of_all_classes_is_told_the_class(tmp_path, training):
    """Row by row what the loaded discriminator says."""
    publish(tmp_path, "conditional", None, tiny_project.CLASSES)
    found = judging.logits(training, family="conditional", directory=tmp_path, machine=Machine())
    model, _ = load_model(tmp_path / "all.safetensors")
    batch = Batch(torch.tensor(training.labels), torch.from_numpy(training.scaled()))
    with torch.no_grad():
        expected = model.judge(batch).numpy()
    # Sums of some hundred float32 terms, in another order.
    assert found == pytest.approx(expected, abs=1e-5)


def test_each_class_asks_its_own_model(tmp_path, training):
    """A class's logits are of its own discriminator."""
    for label in tiny_project.CLASSES:
        publish(tmp_path, "dcgan", label, [label])
    found = judging.logits(training, family="dcgan", directory=tmp_path, machine=Machine())
    for index, label in enumerate(tiny_project.CLASSES):
        rows = np.flatnonzero(training.labels == index)
        model, _ = load_model(tmp_path / f"{file_name(label)}.safetensors")
        batch = Batch(torch.zeros(len(rows)), torch.from_numpy(training.scaled(rows)))
        with torch.no_grad():
            assert found[rows] == pytest.approx(model.judge(batch).numpy(), abs=1e-5)


@pytest.mark.parametrize("family", ["ppca", "stackgan", "mine"])
def test_nobody_is_asked_where_there_is_no_discriminator(tmp_path, training, family):
    """Neither of families without one, nor of images that came from elsewhere."""
    asked = judging.logits(training, family=family, directory=tmp_path, machine=Machine())
    assert asked is None
    gone = tmp_path / "nowhere"
    assert judging.logits(training, family="dcgan", directory=gone, machine=Machine()) is None


def test_masks_are_missing(tmp_path, training):
    """A discriminator that looks at masks is not asked about images without."""
    asked = judging.logits(training, family="pix2pix", directory=tmp_path, machine=Machine())
    assert asked is None
