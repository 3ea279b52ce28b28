"""Classify keeps its promises: leak-free, equal budgets, paired arms, the same bytes again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline import tensorfile
from pipeline.arms import jobs
from pipeline.classifier import weights
from pipeline.classifier.prediction import predict
from pipeline.compute import Machine
from pipeline.config import Params, parse
from pipeline.errors import DataError, LeakError, ParameterError
from pipeline.imageset import ImageSet
from pipeline.splits import Splits
from pipeline.tracking import NullRun
from pipeline.workflows import classify
from tests.discs import make, write_set, write_synthetic

ROOT = Path(__file__).parents[3]


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
        "gan-selected": {
            "recipe": "classical_synthetic",
            "images": "data/synthetic/dcgan",
            "selected": True,
        },
        "gan-alone": {"recipe": "synthetic", "images": "data/synthetic/dcgan"},
    }
    return parse(values)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of discs, which keeps what it resumes to itself."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return make(tmp_path)


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
    assert set(rows["n_real"]) == {24}
    assert set(rows["n_added"]) == {24 + 20}
    assert set(rows["share"]) == {0.5}
    assert set(rows["chosen"]) == {1}


def test_an_arm_of_selected_samples_trains_on_no_other(project: Path) -> None:
    """Four of twenty were refused: one arm is trained without them and its twin with them."""
    classify.run(parameters(), project, "gan", NullRun())
    classify.run(parameters(), project, "gan-selected", NullRun())
    assert set(table(project, "gan-selected")["n_added"]) == {24 + 16}
    assert not table(project, "gan")["prob_dark"].equals(
        table(project, "gan-selected")["prob_dark"]
    )


class TestShares:
    """The synthetic share is chosen on validation rows, and every share is shown."""

    def test_a_list_of_one_gives_what_the_number_gives(self, project: Path) -> None:
        """Byte for byte, predictions and weights."""
        written = []
        for share in (0.25, [0.25]):
            classify.run(parameters(synthetic_share=share), project, "gan", NullRun())
            files = [project / "predictions/gan.csv", *project.glob("classifiers/gan/*")]
            written.append({path.name: path.read_bytes() for path in sorted(files)})
        assert written[0] == written[1]

    def test_each_share_is_trained_as_it_would_be_alone(self, project: Path) -> None:
        """Beside others, a share's rows are those of a run with it only, chosen or not."""
        classify.run(parameters(synthetic_share=[0.25, 0.75]), project, "gan", NullRun())
        both = table(project, "gan")
        assert len(both) == 2 * 2 * (8 + 12)
        for share in (0.25, 0.75):
            classify.run(parameters(synthetic_share=share), project, "gan", NullRun())
            mine = both[both["share"].eq(share)].drop(columns="chosen").reset_index(drop=True)
            pd.testing.assert_frame_equal(mine, table(project, "gan").drop(columns="chosen"))

    def test_validation_chooses_and_test_rows_do_not(self, project: Path) -> None:
        """The lower validation loss wins, seeds averaged, also where test rows prefer the other.

        Whichever share validation prefers, the labels of the test rows are then those that the
        other one gives: it is right about all of them, and is still not chosen.
        """
        params = parameters(synthetic_share=[0.25, 0.75], seeds=3)
        classify.run(params, project, "gan", NullRun())
        before = table(project, "gan")
        losses = mean_loss(before, "val")
        best, other = sorted(losses, key=losses.__getitem__)
        assert set(before.loc[before["chosen"].eq(1), "share"]) == {best}
        mean = before[before["share"].eq(other)].groupby("image_id")["prob_bright"].mean()
        against = before[before["share"].eq(best)].groupby("image_id")["prob_bright"].mean()
        path = project / "data/images/manifest.csv"
        scans = pd.read_csv(path, dtype=str, keep_default_na=False)
        tested = scans["image_id"].isin(before.loc[before["part"].eq("test"), "image_id"])
        preferred = scans["image_id"].map(lambda name: mean.get(name, 0) > against.get(name, 0))
        scans.loc[tested, "label"] = preferred[tested].map({True: "bright", False: "dark"})
        scans.to_csv(path, index=False)
        classify.run(params, project, "gan", NullRun())
        after = table(project, "gan")
        on_test = mean_loss(after, "test")
        assert on_test[other] < on_test[best]
        assert after["chosen"].equals(before["chosen"])

    def test_each_fold_chooses_for_all_its_seeds(self, tmp_path: Path) -> None:
        """Seeds that disagree are averaged; folds that disagree choose differently."""
        losses = {
            (0, 0): {0.25: (0.9, 0.1), 0.75: (0.4, 0.4)},
            (0, 1): {0.25: (3, 3), 0.75: (4, 1)},
        }
        todo, kept = [], []
        for (repeat, fold), of_fold in losses.items():
            for share, values in of_fold.items():
                for seed, value in enumerate(values):
                    place = jobs.Place(parameters(), tmp_path, repeat, fold, seed)
                    todo.append(classify._Job("gan", place, share, alone=False))
                    kept.append(tmp_path / f"{fold}{share}{seed}")
                    trace = [{"val_loss": 9.0}, {"val_loss": value}, {"val_loss": value + 1}]
                    tensorfile.save(kept[-1], {}, {"trace": trace})
        assert classify._choose(todo, kept) == {(0, 0): 0.75, (0, 1): 0.75}
        tensorfile.save(kept[0], {}, {"trace": [{"val_loss": 0.6}]})
        assert classify._choose(todo, kept) == {(0, 0): 0.25, (0, 1): 0.75}

    def test_weights_are_those_of_the_chosen_share(self, project: Path) -> None:
        """One file a fold and seed, which repeats the chosen rows."""
        params = parameters(synthetic_share=[0.25, 0.75], seeds=1)
        classify.run(params, project, "gan", NullRun())
        (path,) = (project / "classifiers/gan").iterdir()
        network, _ = weights.load_classifier(path)
        images = ImageSet.open(project / "data/images")
        test = Splits.open(project / "data/splits.csv").select(images, 0, 0, "test")
        rows = table(project, "gan").query("part == 'test' and chosen == 1")
        np.testing.assert_allclose(
            predict(network, test, Machine())[:, 1], rows["prob_bright"], atol=1e-6
        )

    def test_arms_without_a_mixture_have_one_variant(self, project: Path) -> None:
        """None synthetic, or all: there is nothing to choose."""
        params = parameters(synthetic_share=[0.25, 0.75], seeds=1)
        for arm, share in (("classical", ""), ("gan-alone", 1)):
            classify.run(params, project, arm, NullRun())
            assert set(table(project, arm)["share"]) == {share}
            assert len(table(project, arm)) == 8 + 12

    def test_variants_are_resumed_one_by_one(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The third of four dies; the next run trains the last two, and a new share one more."""
        monkeypatch.setattr(jobs, "forget", lambda kept: None)
        train, calls = jobs.train, []

        def dying(*given: Any, **named: Any) -> Any:
            calls.append(1)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return train(*given, **named)

        monkeypatch.setattr(jobs, "train", dying)
        with pytest.raises(KeyboardInterrupt):
            classify.run(parameters(synthetic_share=[0.25, 0.75]), project, "gan", NullRun())
        classify.run(parameters(synthetic_share=[0.25, 0.75]), project, "gan", NullRun())
        assert len(calls) == 3 + 2
        classify.run(parameters(synthetic_share=[0.25, 0.5, 0.75]), project, "gan", NullRun())
        assert len(calls) == 3 + 2 + 2

    @pytest.mark.parametrize("share", [0.0, 1.0, 1, [], [0.5, 0.5], [0.5, 1.5], "half", 0.01])
    def test_what_is_no_share_is_refused(self, share: Any) -> None:
        """When parameters are read, with the parameter's name."""
        with pytest.raises(ParameterError, match="synthetic_share: "):
            parameters(synthetic_share=share)


def mean_loss(rows: pd.DataFrame, part: str) -> dict[float, float]:
    """Cross entropy of each share on a part."""
    mine = rows[rows["part"].eq(part)]
    said = mine["prob_bright"].where(mine["label"].eq("bright"), mine["prob_dark"])
    return {
        float(share): float(loss)
        for share, loss in (-np.log(said)).groupby(mine["share"]).mean().items()
    }


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
    """An unknown arm and a set of refused samples each name what to mend."""
    with pytest.raises(ParameterError, match=r"classify\.arms: got 'dcgan'"):
        classify.run(parameters(), project, "dcgan", NullRun())
    rows = [{"image_id": "s", "label": "dark", "origin": "dcgan", "selected": False}]
    write_set(project / "data/synthetic/dcgan/r0f0g0", rows)
    with pytest.raises(DataError, match="no image to use"):
        classify.run(parameters(), project, "gan-selected", NullRun())
