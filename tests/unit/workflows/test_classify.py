"""Classify keeps its promises: leak-free, equal budgets, paired arms, the same bytes again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline.arms import jobs
from pipeline.classifier import weights
from pipeline.classifier.prediction import predict
from pipeline.compute import Machine
from pipeline.config import Params, parse
from pipeline.errors import DataError, LeakError, ParameterError
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.splits import Splits
from pipeline.tracking import NullRun
from pipeline.workflows import classify

ROOT = Path(__file__).parents[3]
META = Meta(("dark", "bright"), ("CT",), "HU", (-100.0, 200.0), positive_class="bright")
PARTS = ["train"] * 24 + ["val"] * 8 + ["test"] * 12


def parameters(**changes: Any) -> Params:
    """The project's parameters at a test's size, with an arm of each kind."""
    values = YAML(typ="safe").load(ROOT / "params.yaml")
    values["compute"].update(device="cpu", workers=1)
    values["classify"].update(steps=6, batch=8, evaluate_every=3, seeds=2, learning_rate=0.02)
    values["classify"].update(options={"channels": [4, 8]}, **changes)
    values["classify"]["arms"] = {
        "classical": {"recipe": "classical", "images": "data/augmented"},
        "twin": {"recipe": "classical", "images": "data/augmented"},
        "online": {"recipe": "classical_online", "images": "data/augmented"},
        "gan": {"recipe": "classical_synthetic", "images": "data/synthetic/dcgan"},
    }
    return parse(values)


def write_set(root: Path, rows: list[dict[str, Any]]) -> None:
    """Discs, dark or bright by label; pixels depend on the image id alone."""
    with ImageSetWriter(
        root, META, capacity=len(rows), shape=(1, 12, 12), dtype=np.int16
    ) as writer:
        for row in rows:
            name = row.get("pixels_of", row["image_id"])
            seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
            image = np.random.default_rng(seed).normal(50, 20, (1, 12, 12))
            image[:, 4:8, 4:8] += 90 if row["label"] == "bright" else -90
            given = {key: value for key, value in row.items() if key != "pixels_of"}
            writer.add(np.rint(image), **{"patient_id": row["image_id"], **given})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One fold with 24 training rows, a copy of each, and two GAN seeds' synthetic images."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    labels = [META.classes[index % 2] for index in range(len(PARTS))]
    ids = [f"i{index:05d}" for index in range(len(PARTS))]
    real = [
        {"image_id": name, "label": label, "origin": "real"}
        for name, label in zip(ids, labels, strict=True)
    ]
    write_set(tmp_path / "data/images", real)
    frame = {"image_id": ids, "group_id": ids, "repeat": 0, "fold": 0, "part": PARTS}
    splits = pd.DataFrame(frame).assign(train_patients="all")
    splits.to_csv(tmp_path / "data/splits.csv", index=False)
    train = [row for row, part in zip(real, PARTS, strict=True) if part == "train"]
    copies = [
        {
            "image_id": f"{row['image_id']}-c0",
            "label": row["label"],
            "origin": "classical",
            "parent_ids": (row["image_id"],),
        }
        for row in train
    ]
    write_set(tmp_path / "data/augmented/r0f0", train + copies)
    for seed in (0, 1):
        write_synthetic(tmp_path, seed)
    return tmp_path


def write_synthetic(root: Path, gan_seed: int, **changes: Any) -> None:
    """Twenty samples of one GAN seed, the last four refused; `changes` apply to the first."""
    rows: list[dict[str, Any]] = [
        {
            "image_id": f"dcgan-r0f0g{gan_seed}-{index:05d}",
            "label": META.classes[index % 2],
            "origin": "dcgan",
            "selected": index < 16,
        }
        for index in range(20)
    ]
    rows[0].update(changes)
    write_set(root / f"data/synthetic/dcgan/r0f0g{gan_seed}", rows)


def table(root: Path, arm: str) -> pd.DataFrame:
    """An arm's predictions."""
    return pd.read_csv(root / f"predictions/{arm}.csv", keep_default_na=False)


def test_predictions_hold_each_held_out_image_once_a_seed(project: Path) -> None:
    """Columns are the contract's; val and test rows only; probabilities sum to one."""
    classify.run(parameters(), project, "gan", NullRun())
    rows = table(project, "gan")
    expected = "image_id repeat fold seed gan_seed n_real n_added share chosen part label"
    assert list(rows) == [*expected.split(), "prob_dark", "prob_bright"]
    assert len(rows) == 2 * (8 + 12)
    splits = Splits.open(project / "data/splits.csv")
    for (_, part), group in rows.groupby(["seed", "part"]):
        assert set(group["image_id"]) == splits.ids(0, 0, part)
    np.testing.assert_allclose(rows["prob_dark"] + rows["prob_bright"], 1.0, atol=2e-6)
    # Refused samples are not counted, for they are not trained on.
    assert set(rows["n_real"]) == {24}
    assert set(rows["n_added"]) == {24 + 16}


def test_classifier_seed_uses_gan_seed_modulo_their_count(project: Path) -> None:
    """Three classifier seeds over two GAN seeds use 0, 1, 0; other arms name none."""
    classify.run(parameters(seeds=3), project, "gan", NullRun())
    pairs = table(project, "gan").groupby("seed")["gan_seed"].unique()
    assert {seed: list(found) for seed, found in pairs.items()} == {0: [0], 1: [1], 2: [0]}
    classify.run(parameters(seeds=1), project, "classical", NullRun())
    assert set(table(project, "classical")["gan_seed"]) == {""}


def test_another_makers_tree_may_hold_one_set_a_fold(project: Path) -> None:
    """A directory r0f0 without GAN seeds serves every classifier seed."""
    tree = project / "data/synthetic/dcgan"
    (tree / "r0f0g0").rename(tree / "r0f0")
    (tree / "r0f0g1").rename(project / "spare")
    classify.run(parameters(), project, "gan", NullRun())
    assert set(table(project, "gan")["gan_seed"]) == {""}


def test_arms_of_one_recipe_are_equal_and_others_start_equal(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No draw depends on the arm's name, and initial weights not on the arm at all."""
    params = parameters(seeds=1)
    started: dict[str, bytes] = {}
    train = jobs.train

    def spied(network: Any, *given: Any, **named: Any) -> Any:
        started[arm] = b"".join(v.numpy().tobytes() for v in network.state_dict().values())
        return train(network, *given, **named)

    monkeypatch.setattr(jobs, "train", spied)
    for arm in ("classical", "twin", "online", "gan"):
        classify.run(params, project, arm, NullRun())
    assert len(set(started.values())) == 1
    pd.testing.assert_frame_equal(table(project, "classical"), table(project, "twin"))
    assert not table(project, "classical").equals(table(project, "online"))


def test_same_seed_gives_the_same_bytes_and_another_seed_others(project: Path) -> None:
    """Predictions and weights are repeatable, in this process and in spawned ones."""

    def outputs(params: Params) -> dict[str, str]:
        classify.run(params, project, "online", NullRun())
        files = [*project.glob("predictions/*.csv"), *project.glob("classifiers/*/*")]
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    params = parameters()
    first = outputs(params)
    assert len(first) == 3
    several = params.model_copy(
        update={"compute": params.compute.model_copy(update={"workers": 2})}
    )
    assert outputs(several) == first
    assert outputs(params.model_copy(update={"seed": 1})) != first


def test_stored_weights_repeat_the_stored_probabilities(project: Path) -> None:
    """A classifier is rebuilt from its file alone and predicts what the table says."""
    classify.run(parameters(seeds=1), project, "classical", NullRun())
    network, facts = weights.load_classifier(project / "classifiers/classical/r0f0s0.safetensors")
    images = ImageSet.open(project / "data/images")
    test = Splits.open(project / "data/splits.csv").select(images, 0, 0, "test")
    rows = table(project, "classical").query("part == 'test'")
    again = predict(network, test, Machine())
    np.testing.assert_allclose(again[:, 1], rows["prob_bright"], atol=1e-6)
    assert facts["classes"] == ["dark", "bright"]


class TestLeaks:
    """What must not be trained on is refused, whichever way it comes."""

    def test_test_row_in_the_augmented_set(self, project: Path) -> None:
        """A held-out image among the training set's real rows."""
        write_set(
            project / "data/augmented/r0f0",
            [{"image_id": "i00040", "label": "dark", "origin": "real"}],
        )
        with pytest.raises(LeakError, match="i00040"):
            classify.run(parameters(), project, "classical", NullRun())

    def test_synthetic_image_made_from_a_test_row(self, project: Path) -> None:
        """A translation of a held-out image names it as its parent."""
        write_synthetic(project, 0, parent_ids=("i00040",))
        with pytest.raises(LeakError, match="i00040"):
            classify.run(parameters(), project, "gan", NullRun())

    def test_held_out_pixels_under_another_name(self, project: Path) -> None:
        """A sample that equals a test image to the pixel, though it names no parent."""
        write_synthetic(project, 0, pixels_of="i00040")
        with pytest.raises(LeakError, match="same pixels"):
            classify.run(parameters(), project, "gan", NullRun())

    def test_the_first_two_guards_are_what_refuses(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the checks the same sets train without a word."""
        monkeypatch.setattr(Splits, "check_training", lambda *given: None)
        monkeypatch.setattr(jobs, "_check_pixels", lambda *given: None)
        write_synthetic(project, 0, parent_ids=("i00040",), pixels_of="i00040")
        classify.run(parameters(), project, "gan", NullRun())
        assert len(table(project, "gan"))


class TestResume:
    """A killed stage goes on with the jobs that are not done."""

    def test_finished_jobs_are_not_trained_again(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The second job dies; the next run trains only it and equals an uninterrupted run."""
        params, train, calls = parameters(), jobs.train, []

        def dying(*given: Any, **named: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return train(*given, **named)

        classify.run(params, project, "classical", NullRun())
        whole = table(project, "classical")
        monkeypatch.setattr(jobs, "train", dying)
        with pytest.raises(KeyboardInterrupt):
            classify.run(params, project, "classical", NullRun())
        classify.run(params, project, "classical", NullRun())
        assert len(calls) == 3
        pd.testing.assert_frame_equal(table(project, "classical"), whole)
        assert not list((project / ".resume/classify/classical").iterdir())

    def test_changed_inputs_or_parameters_train_again(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was kept for other images or another learning rate is not used."""
        monkeypatch.setattr(jobs, "forget", lambda kept: None)
        params, train, calls = parameters(seeds=1), jobs.train, []

        def counted(*given: Any, **named: Any) -> Any:
            calls.append(1)
            return train(*given, **named)

        monkeypatch.setattr(jobs, "train", counted)
        classify.run(params, project, "gan", NullRun())
        classify.run(params, project, "gan", NullRun())
        assert len(calls) == 1
        classify.run(parameters(seeds=1, learning_rate=0.01), project, "gan", NullRun())
        write_synthetic(project, 0, pixels_of="another")
        classify.run(params, project, "gan", NullRun())
        assert len(calls) == 3


def test_mistakes_are_one_sentence(project: Path) -> None:
    """An unknown arm, a missing set and a set of refused samples each name what to mend."""
    with pytest.raises(ParameterError, match=r"classify\.arms: got 'dcgan'"):
        classify.run(parameters(), project, "dcgan", NullRun())
    rows = [{"image_id": "s", "label": "dark", "origin": "dcgan", "selected": False}]
    write_set(project / "data/synthetic/dcgan/r0f0g0", rows)
    with pytest.raises(DataError, match="no selected image"):
        classify.run(parameters(), project, "gan", NullRun())
