"""The page docs/in-code.md is true: its trainings run as they stand, and learn."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline import data
from pipeline.splits import Splits
from tests.discs import make

PAGE = (Path(__file__).parents[3] / "docs/in-code.md").read_text(encoding="utf-8")
BLOCKS = dict(zip(
    ("pytorch", "monai", "sklearn"), re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL),
    strict=True,
))  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Discs in two folds, with the samples of a family called conditional."""
    root = make(tmp_path_factory.mktemp("project"), folds=2)
    shutil.copytree(root / "data/synthetic/dcgan", root / "data/synthetic/conditional")
    return root


@pytest.fixture
def ran(project, request, monkeypatch):
    """The names that a block of the page leaves behind."""
    monkeypatch.chdir(project)
    names: dict[str, object] = {}
    exec(compile(BLOCKS[request.param], request.param, "exec"), names)
    return names


@pytest.mark.parametrize("block", BLOCKS)
def test_at_most_five_lines_are_new(block):
    """They are numbered, and take less than a line each."""
    marked = re.findall(r"# (\d)$", BLOCKS[block], re.MULTILINE)
    assert marked == [str(number + 1) for number in range(len(marked))]
    assert 4 <= len(marked) <= 5


def accuracy(model: torch.nn.Module) -> float:
    """On the first fold's test patients."""
    images = data.open("data/images")
    tested = Splits.open("data/splits.csv").select(images, 0, 0, "test")
    model.eval()
    with torch.no_grad():
        said = model(torch.from_numpy(tested.scaled())).argmax(1)
    return float((said.numpy() == tested.labels).mean())


@pytest.mark.parametrize("ran", ["pytorch"], indirect=True)
def test_pytorch_trains(ran):
    """Half of each batch is synthetic, as many batches as before, and the classes are learnt."""
    sampler, real = ran["sampler"], ran["real"]
    # 16 of the fold's 20 samples were selected.
    assert (len(real), len(ran["synthetic"])) == (48, 16)
    assert len(ran["loader"]) == -(-len(real) // 16)
    assert {sum(place >= len(real) for place in batch) for batch in sampler} == {8}
    assert accuracy(ran["model"]) > 0.9


@pytest.mark.parametrize("ran", ["monai"], indirect=True)
def test_monai_trains(ran):
    """MetaTensors in HU go through dictionary transforms, and the classes are learnt."""
    assert (len(ran["dataset"]), len(ran["synthetic"])) == (48, 16)
    item = ran["made"][3]
    assert (item["class"], item["label"], item["synthetic"]) == ("bright", 1, True)
    assert item["image"].meta["unit"] == "HU"
    assert float(ran["synthetic"][3]["image"].max()) <= 1
    assert accuracy(ran["model"]) > 0.9


@pytest.mark.parametrize("ran", ["sklearn"], indirect=True)
def test_sklearn_trains(ran):
    """Every fold tests its real patients alone, and scores."""
    assert len(ran["scores"]) == 2
    assert ran["scores"].min() > 0.9
    real = len(ran["real"])
    folds = list(ran["folds"].split())
    assert all(test.max() < real for _, test in folds)
    # 16 of the first fold's 20 samples were selected; the second fold has none here.
    assert [int((train >= real).sum()) for train, _ in folds] == [16, 0]
    owners = ran["groups"]
    assert not any(set(owners[train]) & set(owners[test]) for train, test in folds)
    assert len(np.unique(owners[real:])) == 16
