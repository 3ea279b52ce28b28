"""Families are trained, judged and shown on one page, and others keep their figures."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.imageset import ImageSetWriter, Meta
from pipeline.workflows import family_page
from tests import tiny_project

CLASSES = ("bright", "dark")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Seventy discs of 16 x 16 in one fold."""
    root = tmp_path_factory.mktemp("project")
    rng = np.random.default_rng(0)
    meta = Meta(CLASSES, ("CT",), "HU", (-100.0, 200.0), note="Discs, not scans.")
    radius = np.hypot(*np.meshgrid(np.arange(16) - 8, np.arange(16) - 8))
    parts = ["train"] * 30 + ["val"] * 20 + ["test"] * 20
    for name, chosen in (("images", range(70)), ("augmented/r0f0", range(30))):
        with ImageSetWriter(
            root / "data" / name, meta, capacity=70, shape=(1, 16, 16), dtype="i2"
        ) as writer:
            for number in chosen:
                disc = (radius < rng.uniform(2, 6)) * (70.0 if number % 2 else -70.0)
                writer.add(
                    (50 + disc + rng.normal(0, 10, (16, 16)))[None],
                    image_id=f"i{number:05d}",
                    label=CLASSES[number % 2],
                    patient_id=f"p{number:04d}",
                    origin="real",
                )
    ids = [f"i{number:05d}" for number in range(70)]
    frame = pd.DataFrame({"image_id": ids, "group_id": ids, "repeat": 0, "fold": 0, "part": parts})
    frame.assign(train_patients="all").to_csv(root / "data/splits.csv", index=False)
    return root


def test_writes_figures_pictures_and_text(root, tmp_path, monkeypatch):
    """A second run adds a family, and the first one's figures stay."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(family_page, "_EMBEDDING_STEPS", 10)
    out = tmp_path / "docs/families.md"
    params = tiny_project.params()
    family_page.run(params, root, ["dcgan"], out, per_class=10, steps=4)
    family_page.run(params, root, ["conditional"], out, per_class=10, steps=4)
    figures = json.loads((tmp_path / "docs/families/figures.json").read_text())
    assert set(figures) == {"dcgan", "conditional"}
    assert figures["dcgan"]["models"] == 2
    assert figures["conditional"]["models"] == 1
    for name, found in figures.items():
        assert {"value", "floor"} <= set(found["kid"])
        assert found["seconds"] > 0
        assert [share for share, _ in found["curve"]] == sorted({s for s, _ in found["curve"]})
        assert found["parameters"] > 1000
        assert 0 <= found["label_agreement_low"] <= found["label_agreement"]["value"] <= 1
        assert (tmp_path / "docs/families" / f"{name}.png").stat().st_size > 500
    text = out.read_text()
    assert "trained on the 30 training images (16x16)" in text
    assert "Discs, not scans." in text
    assert "![Real and generated images](families/dcgan.png)" in text


def test_takes_the_options_of_the_project_where_asked(root, tmp_path, monkeypatch):
    """Its numbers of channels and steps; the command's own steps go before them."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(family_page, "_EMBEDDING_STEPS", 10)
    params = tiny_project.params()
    options = {"dcgan": {"ngf": 2, "ndf": 2, "steps": 3}}
    section = params.train_gan.model_copy(update={"options": options})
    params = params.model_copy(update={"train_gan": section})
    sizes = {}
    for configured, steps in ((True, None), (True, 2), (False, 2)):
        out = tmp_path / f"{configured}{steps}.md"
        family_page.run(
            params, root, ["dcgan"], out, per_class=8, steps=steps, configured=configured
        )
        found = json.loads((out.with_suffix("") / "figures.json").read_text())["dcgan"]
        sizes[configured] = found["parameters"]
        assert found["steps"] == (steps or 3)
        assert found["options"].get("ngf") == (2 if configured else None)
    assert sizes[True] < sizes[False]


def test_refuses_unknown_families(root, tmp_path):
    """Before anything is trained or written; the argument is named, not params.yaml."""
    with pytest.raises(DataError, match=r"^FAMILIES: got 'dcgn'; choose one of .*dcgan"):
        family_page.run(tiny_project.params(), root, ["dcgn"], tmp_path / "x.md", per_class=8)
    assert not list(tmp_path.iterdir())


def test_judges_a_family_as_its_training_left_it(root, tmp_path, monkeypatch):
    """One that grows is fully grown when it is sampled from, and has learnt; a fit has not."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(family_page, "_EMBEDDING_STEPS", 10)
    growths = []

    def look(job, fold, makers, machine):
        networks = makers["bright"][0].networks
        growths.extend(networks["growth"]() for name in networks if name == "growth")

    monkeypatch.setattr(family_page, "_picture", look)
    params = tiny_project.params()
    options = {"progressive": {"steps": 4, "examinations": 0}, "ppca": {}}
    section = params.train_gan.model_copy(update={"options": options})
    params = params.model_copy(update={"train_gan": section})
    out = tmp_path / "families.md"
    family_page.run(params, root, list(options), out, per_class=10, configured=True)
    assert growths == [2.0]
    figures = json.loads((tmp_path / "families/figures.json").read_text())
    trained = {name: found["trained"] for name, found in figures.items()}
    assert trained == {"progressive": True, "ppca": False}
