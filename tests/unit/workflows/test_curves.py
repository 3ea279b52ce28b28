"""Curves: points are those of arms, validation chooses, test rows never, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline.arms import jobs
from pipeline.classifier.metrics import evaluate
from pipeline.config import Params, check_everything, parse
from pipeline.errors import LeakError, ParameterError
from pipeline.tracking import NullRun
from pipeline.workflows import classify, curves
from tests.discs import META, make, write_set, write_synthetic

ROOT = Path(__file__).parents[3]


def parameters(workers: int = 1, **chosen: Any) -> Params:
    """The project's parameters at a test's size."""
    values = YAML(typ="safe").load(ROOT / "params.yaml")
    values["compute"].update(device="cpu", workers=workers)
    values["classify"].update(steps=6, batch=8, evaluate_every=3, seeds=2, learning_rate=0.02)
    values["classify"].update(options={"channels": [4, 8]})
    values["classify"]["arms"] = {
        "real": {"recipe": "real", "images": "data/augmented"},
        "classical": {"recipe": "classical", "images": "data/augmented"},
    }
    values["compare"].update(primary="auc", headline=None)
    sizes = {"classical": [0, 8, 24], "synthetic": [6, 16], "families": ["dcgan"], "seeds": 1}
    values["curves"] = {**sizes, **chosen}
    return parse(values)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folds of discs, which keep what they resume to themselves."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return make(tmp_path, folds=2)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of every diet that is trained on."""
    found: list[int] = []
    train = jobs.train

    def counted(network: Any, diet: Any, *given: Any, **named: Any) -> Any:
        found.append(sum(len(pool.images) for pool in diet.pools))
        return train(network, diet, *given, **named)

    monkeypatch.setattr(jobs, "train", counted)
    return found


def drawn(root: Path, params: Params) -> dict[str, Any]:
    """Run the stage; returns what it wrote."""
    curves.run(params, root, NullRun())
    found: dict[str, Any] = json.loads((root / "metrics/curves.json").read_text())
    return found


def test_ends_of_the_classical_line_are_the_arms(project: Path) -> None:
    """No copies are `real`, all copies `classical`: seed by seed and fold by fold."""
    params = parameters(seeds=2)
    line = drawn(project, params)["lines"][0]
    ends = {"real": line["points"][0], "classical": line["points"][-1]}
    assert [point["added"] for point in ends.values()] == [0, 24]
    for arm, point in ends.items():
        classify.run(params, project, arm, NullRun())
        rows = pd.read_csv(project / f"predictions/{arm}.csv").query("part == 'test'")
        for fold in point["folds"]:
            for seed, value in enumerate(fold["values"]):
                mine = rows[rows["fold"].eq(fold["fold"]) & rows["seed"].eq(seed)]
                labels = [META.classes.index(label) for label in mine["label"]]
                said = mine[["prob_dark", "prob_bright"]]
                figure = evaluate(labels, said, META.classes, "bright")["auc"]
                assert figure == pytest.approx(value, rel=1e-5)  # written with six digits


def test_each_fold_goes_on_from_its_lowest_validation_loss(project: Path) -> None:
    """The chosen size has the least loss, and the synthetic line starts there and adds to it."""
    classical, synthetic = drawn(project, parameters())["lines"]
    assert [point["asked"] for point in classical["points"]] == [0, 8, 24]
    assert [point["asked"] for point in synthetic["points"]] == [0, 6, 16]
    for number in range(2):
        options = [point["folds"][number] for point in classical["points"]]
        (best,) = [option for option in options if option["chosen"]]
        assert best["val_loss"] == min(option["val_loss"] for option in options)
        onward = [point["folds"][number] for point in synthetic["points"]]
        assert {option["copies"] for option in onward} == {best["copies"]}
        assert [option["images"] for option in onward] == [0, 6, 16]
        assert onward[0]["values"] == best["values"]
        assert sum(option["chosen"] for option in onward) == 1


def test_test_rows_choose_nothing(project: Path) -> None:
    """With every test label turned round figures turn too, and no choice moves."""
    path = project / "data/images/manifest.csv"
    scans = pd.read_csv(path, dtype=str, keep_default_na=False)
    # What fold 0 tests is trained on in fold 1, which would notice.
    splits = pd.read_csv(project / "data/splits.csv")
    splits[splits["fold"].eq(0)].to_csv(project / "data/splits.csv", index=False)
    before = drawn(project, parameters())
    tested = scans["image_id"].isin(splits.query("fold == 0 and part == 'test'")["image_id"])
    scans.loc[tested, "label"] = scans["label"].map({"dark": "bright", "bright": "dark"})
    scans.to_csv(path, index=False)
    after = drawn(project, parameters())
    for old, new in zip(before["lines"], after["lines"], strict=True):
        for one, other in zip(old["points"], new["points"], strict=True):
            assert other["chosen"] == one["chosen"]
            assert other["mean"] == pytest.approx(1 - one["mean"], abs=1e-5)


def test_sizes_end_where_images_end(project: Path, calls: list[int]) -> None:
    """24 copies and 20 samples are there; what asks for more is that, once."""
    params = parameters(classical=[0, 20, 100, 200], synthetic=[50, 70])
    classical, synthetic = drawn(project, params)["lines"]
    assert [(point["asked"], point["added"]) for point in classical["points"]] == [
        (0, 0), (20, 20), (100, 24),
    ]  # fmt: skip
    start, end = synthetic["points"]
    assert (end["asked"], end["added"] - start["added"]) == (50, 20)
    assert len(calls) == 2 * (3 + 1)


def test_only_the_headline_size_is_drawn(project: Path, calls: list[int]) -> None:
    """Folds of another number of patients are left alone."""
    path = project / "data/splits.csv"
    frame = pd.read_csv(path)
    frame["train_patients"] = "24"
    pd.concat([frame, frame.assign(repeat=1, train_patients="all")]).to_csv(path, index=False)
    found = drawn(project, parameters(synthetic=[]))
    assert found["train_patients"] == "24"
    assert len(found["lines"]) == 1
    assert calls == [24, 24, 32, 32, 48, 48]


def test_without_sizes_nothing_is_trained(project: Path, calls: list[int]) -> None:
    """Empty lists write an empty result, and the table that `dvc plots` looks for."""
    assert drawn(project, parameters(classical=[], synthetic=[]))["lines"] == []
    assert calls == []
    assert (project / "plots/curves/augmentation.csv").read_text().startswith("line,asked,added")
    assert not (project / "plots/curves/augmentation.png").exists()


def test_the_same_bytes_again_and_from_two_processes(project: Path) -> None:
    """Figures, table and picture."""

    def outputs(workers: int) -> dict[str, bytes]:
        drawn(project, parameters(workers, classical=[0, 24], synthetic=[6]))
        files = [project / "metrics/curves.json", *(project / "plots/curves").iterdir()]
        return {path.name: path.read_bytes() for path in files}

    first = outputs(1)
    assert sorted(first) == ["augmentation.csv", "augmentation.png", "curves.json"]
    assert outputs(2) == first


def test_a_killed_stage_goes_on(project: Path, calls: list[int]) -> None:
    """Killed after the classical line, it trains the rest alone, and ends as if uninterrupted."""
    params = parameters(classical=[0, 24], synthetic=[6])
    whole = drawn(project, params)
    assert len(calls) == 6
    calls[:] = []
    train, jobs_done = jobs.train, []

    def dying(*given: Any, **named: Any) -> Any:
        if len(jobs_done) == 5:
            raise KeyboardInterrupt
        jobs_done.append(1)
        return train(*given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "train", dying)
        with pytest.raises(KeyboardInterrupt):
            drawn(project, params)
    assert len(calls) == 5
    assert drawn(project, params) == whole
    assert len(calls) == 6
    assert not [path for path in (project / ".resume/curves").rglob("*") if path.is_file()]


class TestLeaks:
    """What must not be trained on is refused here as in `classify`."""

    def test_a_test_row_in_the_augmented_set(self, project: Path) -> None:
        """A held-out image among the training set's real rows."""
        leak = {"image_id": "i00040", "label": "dark", "origin": "real"}
        write_set(project / "data/augmented/r0f0", [leak, {**leak, "image_id": "i00000"}])
        with pytest.raises(LeakError, match="i00040"):
            drawn(project, parameters())

    @pytest.mark.parametrize(
        ("change", "message"),
        [({"parent_ids": ("i00040",)}, "i00040"), ({"pixels_of": "i00040"}, "same pixels")],
    )
    def test_a_sample_made_from_a_test_row(
        self, project: Path, change: dict[str, Any], message: str
    ) -> None:
        """By its parent's name, or by its pixels, once the size reaches it."""
        write_synthetic(project, 0, **change)
        with pytest.raises(LeakError, match=message):
            drawn(project, parameters(synthetic=[20]))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"classical": []}, "curves.synthetic: .*give sizes there"),
        ({"classical": [0, 0]}, "curves.classical: got .*: give each once"),
        ({"classical": [-1]}, r"curves\.classical\.0"),
        ({"families": ["style"]}, r"curves\.families: got 'style'; choose one of"),
    ],
)
def test_mistakes_are_named(chosen: dict[str, Any], message: str) -> None:
    """Before anything is trained."""
    with pytest.raises(ParameterError, match=message):
        check_everything(parameters(**chosen))
