"""Probes tell images that show what was asked from those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.compute import Machine
from pipeline.config import Augment
from pipeline.fidelity.probes.attribute_agreement import attribute_agreement
from pipeline.fidelity.probes.label_agreement import label_agreement
from pipeline.fidelity.probes.mask_agreement import mask_agreement
from pipeline.fidelity.probes.probe import Question
from pipeline.imageset import ImageSet, ImageSetWriter, Meta

META = Meta(("bright", "dark"), ("CT",), "HU", (-100.0, 200.0))
GENTLE = Augment(rotation_degrees=0, elastic=0, noise=0, blur=0, translation=0, scale=0)


def write(root, count, rng, *, lie=False, masks=True, words=True):
    """Discs, bright or dark, large or small; lies say the opposite of what is to be seen."""
    with ImageSetWriter(
        root, META, capacity=count, shape=(1, 16, 16), dtype=np.int16, masks=masks
    ) as writer:
        grid = np.stack(np.meshgrid(np.arange(16), np.arange(16), indexing="ij"))
        for number in range(count):
            large, dark = number % 4 < 2, number % 2
            centre = rng.uniform(6, 10, (2, 1, 1))
            mask = (np.hypot(*(grid - centre)) < (5 if large else 2.5))[None]
            image = 50 + mask * (-60.0 if dark else 60.0) + rng.normal(0, 10, (1, 16, 16))
            told = (large != lie, dark != lie)
            writer.add(
                image,
                image_id=f"i{number}",
                label=META.classes[int(told[1])],
                patient_id=f"p{number}",
                origin="real",
                mask=np.roll(mask, 6, axis=1) if masks and lie else mask if masks else None,
                attributes={"size": "large" if told[0] else "small"} if words else {},
            )
    return ImageSet.open(root)


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """One real fold, and three generators: a true one, a liar, and one of bare images."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("project")
        patch.setenv("DVC_ROOT", str(root))
        rng = np.random.default_rng(0)
        real = [write(root / name, count, rng) for name, count in
                (("train", 120), ("val", 24), ("test", 80))]  # fmt: skip
        made = {
            "true": write(root / "true", 80, rng),
            "liar": write(root / "liar", 80, rng, lie=True),
            "bare": write(root / "bare", 80, rng, masks=False, words=False),
        }
        yield {
            name: Question(*real, images, GENTLE, 80, 3, Machine()) for name, images in made.items()
        }


def test_labels_are_believed_only_where_they_are_shown(questions):
    """A true generator reaches what held-out images do; a liar none of it."""
    true, liar = (label_agreement(questions[name]) for name in ("true", "liar"))
    assert true["label_agreement"].value > 0.9
    assert true["label_agreement"].floor == liar["label_agreement"].floor > 0.9
    assert true["label_agreement_low"] > true["label_chance"] == 0.5
    assert liar["label_agreement"].value < 0.1


def test_attributes_are_believed_only_where_they_are_shown(questions):
    """The same for a column of words; no figure where nothing was told."""
    true, liar = (attribute_agreement(questions[name]) for name in ("true", "liar"))
    assert true["attribute_size"].value > 0.9
    assert true["attribute_size"].floor > 0.9
    assert true["attribute_size_low"] > 0.5
    assert liar["attribute_size"].value < 0.1
    assert attribute_agreement(questions["bare"]) == {}


def test_rare_levels_are_not_asked_about(questions, monkeypatch):
    """Both merged levels need their number of training images."""
    monkeypatch.setattr("pipeline.fidelity.probes.attribute_agreement.FEWEST", 61)
    assert attribute_agreement(questions["true"]) == {}


def test_masks_are_believed_only_where_they_fit(questions):
    """True masks overlap as well as held-out ones do; shifted ones do not."""
    true, liar = (mask_agreement(questions[name]) for name in ("true", "liar"))
    assert true["dice"].floor > 0.7
    assert true["dice_ratio"] == pytest.approx(1.0, abs=0.1)
    assert liar["dice_ratio"] < 0.5
    assert mask_agreement(questions["bare"]) == {}
