"""Every family goes through its stages: from training rows to a set that an arm can use."""

from __future__ import annotations

import pytest

from pipeline import config
from pipeline.imageset import ImageSet
from pipeline.registry import FAMILIES
from pipeline.splits import Splits
from pipeline.tracking import NullRun
from pipeline.workflows import synthesize, train_gan
from tests import tiny_project

SMALL = {"batch": 4, "steps": 4, "ngf": 8, "ndf": 8, "widest": 8, "latent": 4, "examinations": 2}


@pytest.mark.parametrize("name", list(FAMILIES))
def test_trains_and_delivers_a_set(name, tmp_path, monkeypatch):
    """Labels as asked for, masks where the family makes them, parents among the training rows."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    tiny_project.make(tmp_path, masks=True)
    kind = FAMILIES.load(name)
    small = {key: value for key, value in SMALL.items() if key in kind.Options.model_fields}
    values = tiny_project.params().model_dump(mode="json")
    values["train_gan"] |= {"families": [name], "options": {name: small}}
    params = config.parse(values)
    train_gan.run(params, tmp_path, name, NullRun())
    synthesize.run(params, tmp_path, name, NullRun())
    made = ImageSet.open(tmp_path / "data/synthetic" / name / "r0f0g0")
    assert made.manifest["label"].value_counts().to_dict() == dict.fromkeys(tiny_project.CLASSES, 3)
    assert made.manifest["origin"].eq(name).all()
    assert made.has_masks == kind.makes_masks
    Splits.open(tmp_path / "data/splits.csv").check_training(made, 0, 0)
    assert list((tmp_path / "models" / name / "r0f0g0/previews").glob("*.png"))
