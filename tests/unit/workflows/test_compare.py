"""The stage compare: reading strictly, testing as announced, writing the same bytes again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import DataError, ParameterError
from pipeline.imageset import ImageSet
from pipeline.report import covariates
from pipeline.report.outcomes import read
from pipeline.splits import Splits
from pipeline.statistics import Paired, corrected_t, equivalence, holm, power
from pipeline.tracking import NullRun
from pipeline.workflows import compare
from tests.simulated_run import make_run, parameters

EQUAL = {"real": 1.0, "classical": 1.0, "classical+synthetic": 1.0}
BETTER = {"real": 0.2, "classical": 1.0, "classical+synthetic": 4.0}


@pytest.fixture
def folded(tmp_path):
    """A cross-validated run in which each arm is clearly better than the one before."""
    return make_run(tmp_path, BETTER, patients=60, repeats=2, note="Made up.")


def comparison(root: Path) -> dict:
    """Read what the stage wrote."""
    return json.loads((root / "metrics/comparison.json").read_text())


def compared(root: Path, params=None) -> dict:
    """Compare without writing or drawing."""
    images, splits = ImageSet.open(root / "data/images"), Splits.open(root / "data/splits.csv")
    params = params or parameters()
    outcomes = read(list(EQUAL), images, splits, root / "predictions")["all"]
    alone = covariates.predict(params.compare.covariates, images, splits, outcomes)
    return compare.compare(params, {"all": outcomes}, {"all": alone})


def test_schema_units_and_verdicts(folded):
    """Every promised key is there, and clear differences get their verdict in both directions."""
    compare.run(parameters(), folded, NullRun())
    found = comparison(folded)
    assert found["units"] == {
        "patients": 60, "groups": 60, "images": 120, "folds": 3, "repeats": 2, "seeds": 2,
    }  # fmt: skip
    assert found["order"] == list(BETTER)
    brief = json.loads((folded / "metrics/arms.json").read_text())
    assert list(brief) == list(BETTER)
    assert brief["real"] == {
        key: found["arms"]["real"][key]["mean"] for key in ("balanced_accuracy", "auc", "accuracy")
    }
    assert found["note"] == "Made up."
    assert {run["gan_seed"] for run in found["runs"] if run["arm"] == "real"} == {None}
    assert set(found["arms"]["classical"]["auc"]) == {"mean", "low", "high"}
    assert set(found["arms"]["classical"]["per_class"]) == {"cyst", "metastasis"}
    by_arm = {(row["arm"], row["against"]): row for row in found["contrasts"]}
    assert set(by_arm) == {("classical", "real"), ("classical+synthetic", "classical")}
    row = by_arm["classical+synthetic", "classical"]
    assert row["test"] == "corrected_t"
    assert row["verdict"] == "helps"
    assert row["p"] <= row["p_holm"] < 0.05
    assert "improves the classifier" in row["sentence"]
    for arm in found["order"]:
        for figures in (found["arms"][arm][metric] for metric in ("auc", "accuracy")):
            assert figures["low"] <= figures["mean"] <= figures["high"]


def test_harm_is_said(tmp_path):
    """An arm that is worse than the baseline harms."""
    make_run(tmp_path, {**EQUAL, "classical": 4.0}, patients=60, repeats=2)
    verdicts = {row["arm"]: row["verdict"] for row in compared(tmp_path)["contrasts"]}
    assert verdicts == {"classical": "helps", "classical+synthetic": "harms"}


def test_the_primary_contrast_is_the_corrected_t_of_the_folds(folded):
    """The written difference, interval and p follow from the runs in the same file."""
    found = compared(folded)
    runs = pd.DataFrame([{**run, **run.pop("metrics")} for run in found["runs"]])
    by_fold = runs.groupby(["arm", "repeat", "fold"])["balanced_accuracy"].mean().unstack("arm")
    # 20 of 60 patients are tested and 40 trained on.
    expected = corrected_t(by_fold["classical+synthetic"] - by_fold["classical"], 20 / 40)
    row = next(row for row in found["contrasts"] if row["arm"] == "classical+synthetic")
    assert row["difference"] == pytest.approx(expected.difference, rel=1e-4)
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high), rel=1e-3)
    assert row["p"] == pytest.approx(expected.p, rel=1e-3)


def test_one_test_set_is_judged_by_the_bootstrap(tmp_path):
    """With one fold the bootstrap decides; DeLong and McNemar support, clustered by patient."""
    make_run(tmp_path, BETTER, patients=90, folds=1, seeds=4)
    found = compared(tmp_path, parameters(scheme="holdout"))
    assert {row["test"] for row in found["contrasts"]} == {"clustered_bootstrap"}
    assert {row["verdict"] for row in found["contrasts"]} == {"helps"}
    tests = {row["metric"]: row["test"] for row in found["supporting"] if "boot" not in row["test"]}
    assert tests == {"auc": "delong_clustered", "accuracy": "mcnemar_clustered"}


def test_single_images_use_the_plain_tests(tmp_path):
    """With one image a patient no clustering is claimed."""
    make_run(tmp_path, BETTER, patients=90, folds=1, images_per_patient=1)
    found = compared(tmp_path, parameters(scheme="official"))
    tests = {row["test"] for row in found["supporting"]}
    assert tests == {"clustered_bootstrap", "delong", "mcnemar_mid_p"}


def test_three_classes(tmp_path):
    """More than two classes go the same way, without DeLong."""
    make_run(tmp_path, EQUAL, classes=("a", "b", "c"), positive_class=None, patients=60, folds=1)
    compare.run(parameters(scheme="holdout"), tmp_path, NullRun())
    tests = {row["test"] for row in comparison(tmp_path)["supporting"]}
    assert tests == {"clustered_bootstrap", "mcnemar_clustered"}


def test_same_bytes_again(folded, tmp_path_factory):
    """Two runs from the same predictions write the same bytes, pictures included."""
    other = make_run(
        tmp_path_factory.mktemp("other"), BETTER, patients=60, repeats=2, note="Made up."
    )
    for root in (folded, other):
        compare.run(parameters(), root, NullRun())
    written = sorted(
        path.relative_to(folded)
        for name in ("metrics", "plots")
        for path in (folded / name).rglob("*")
        if path.is_file()
    )
    assert len(written) == 2 + 5 + 5
    for path in written:
        assert (folded / path).read_bytes() == (other / path).read_bytes(), path


def test_demonstration_says_so(folded):
    """Phantom scans, few patients and few trainings are each a reason, and enough is enough."""
    assert len(compared(folded)["demonstration_reasons"]) == 2  # two seeds, repeated
    make_run(folded, BETTER, patients=60)
    found = compared(folded)
    assert found["demonstration"] is True
    assert len(found["demonstration_reasons"]) == 3
    values = parameters().model_dump()
    values["ingest"]["source"] = "nifti"
    make_run(folded, EQUAL, patients=120, images_per_patient=1, seeds=3)
    params = type(parameters()).model_validate(values)
    assert compared(folded, params)["demonstration"] is False


def test_arms_listed_are_read_and_no_others(folded):
    """A stale file of an arm that params.yaml no longer lists changes nothing."""
    (folded / "predictions/stale.csv").write_text("not a table")
    assert set(compared(folded)["arms"]) == set(BETTER)


def test_a_covariate_is_shown_and_is_no_arm(folded):
    """It gets figures with intervals; arms, contrasts and their numbers stay as they were."""
    without = compared(folded)
    path = folded / "data/images/manifest.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    sizes = frame["label"].map({"cyst": 4.0, "metastasis": 9.0})
    frame.assign(diameter_mm=sizes, ward=3).to_csv(path, index=False)
    found = compared(folded, parameters(covariates=["diameter_mm", "ward"]))
    alone = found.pop("covariates")
    assert without.pop("covariates") == {}
    assert found == without
    assert alone["diameter_mm"]["auc"]["mean"] == 1.0
    # 30 patients of a class, none of them wrong: Wilson's interval.
    assert alone["diameter_mm"]["auc"]["low"] == pytest.approx(30 / (30 + 1.959964**2), abs=1e-6)
    assert alone["ward"]["auc"] == {"mean": 0.5, "low": 0.5, "high": 0.5} or (
        alone["ward"]["auc"]["low"] < 0.5 < alone["ward"]["auc"]["high"]
    )


def test_a_wrong_covariate_stops_the_stage(folded):
    """Before anything is written, with the parameter's name."""
    with pytest.raises(ParameterError, match=r"compare\.covariates"):
        compare.run(parameters(covariates=["diameter"]), folded, NullRun())
    assert not (folded / "metrics").exists()


def edit(root: Path, change) -> None:
    """Change one arm's predictions."""
    path = root / "predictions/classical.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)


def first_probability(frame: pd.DataFrame, value: object) -> pd.DataFrame:
    """Replace one probability."""
    frame["prob_cyst"] = frame["prob_cyst"].astype(object)
    frame.loc[0, "prob_cyst"] = value
    return frame


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.iloc[1:], "test images that splits.csv names"),
        (lambda frame: pd.concat([frame, frame.iloc[:1]]), "predicts an image twice"),
        (lambda frame: frame[frame["seed"].eq(0)], "has the seeds"),
        (lambda frame: frame.assign(part="val"), "no chosen row"),
        (lambda frame: frame.assign(chosen=0), "no chosen row"),
        (lambda frame: frame.drop(columns="prob_cyst"), "lacks the columns prob_cyst"),
        (lambda frame: first_probability(frame, "much"), "no numbers"),
        (lambda frame: first_probability(frame, 3.0), "do not sum to 1"),
        (lambda frame: frame.assign(label="cyst"), "about labels"),
    ],
)
def test_predictions_that_do_not_match_are_refused(folded, change, message):
    """Every arm must have predicted the same test images; the message names the file."""
    edit(folded, change)
    with pytest.raises(DataError, match=message) as caught:
        compare.run(parameters(), folded, NullRun())
    assert "classical.csv" in str(caught.value)


def test_missing_arm_names_the_command(folded):
    """A missing file says how to make it."""
    (folded / "predictions/classical.csv").unlink()
    with pytest.raises(DataError, match="dvc repro classify@classical"):
        compare.run(parameters(), folded, NullRun())


def test_undefined_primary_is_a_parameter_error(tmp_path):
    """A test part of one class has no AUC, and says so before anything is written."""
    make_run(tmp_path, EQUAL, classes=("a", "b"), positive_class="b", patients=60, folds=1)
    splits = pd.read_csv(tmp_path / "data/splits.csv")
    labels = pd.read_csv(tmp_path / "data/images/manifest.csv").set_index("image_id")["label"]
    gone = splits["part"].eq("test") & splits["image_id"].map(labels).eq("b")
    splits.loc[gone, "part"] = "excluded"
    splits.to_csv(tmp_path / "data/splits.csv", index=False)
    for path in (tmp_path / "predictions").iterdir():
        frame = pd.read_csv(path)
        frame[frame["label"].eq("a")].to_csv(path, index=False)
    with pytest.raises(ParameterError, match="not defined"):
        compare.run(parameters(scheme="holdout", primary="auc"), tmp_path, NullRun())


def test_seeds_are_no_further_patients(tmp_path):
    """Copying a seed nine times narrows nothing: differences and p stay as they were."""
    make_run(tmp_path, EQUAL, patients=60, repeats=2, seeds=1)
    once = compared(tmp_path)["contrasts"]
    for path in (tmp_path / "predictions").iterdir():
        frame = pd.read_csv(path)
        pd.concat([frame.assign(seed=seed) for seed in range(9)]).to_csv(path, index=False)
    for row, first in zip(compared(tmp_path)["contrasts"], once, strict=True):
        for key in ("difference", "low", "high", "p", "p_holm"):
            assert row[key] == pytest.approx(first[key])


def sized(root: Path, params=None) -> dict:
    """Compare two sizes: the first repeat stands for 20 training patients, the second for all."""
    images, splits = ImageSet.open(root / "data/images"), Splits.open(root / "data/splits.csv")
    found = read(list(EQUAL), images, splits, root / "predictions")
    whole = found["all"] if isinstance(found, dict) else found
    by_size = {}
    for size, repeat in (("20", 0), ("all", 1)):
        folds = tuple(fold for fold in whole.folds if fold.repeat == repeat)
        if size == "20":
            folds = tuple(
                replace(fold, training=frozenset(sorted(fold.training)[fold.fold % 2 :: 2]))
                for fold in folds
            )
        runs = {arm: table[table["repeat"].eq(repeat)] for arm, table in whole.runs.items()}
        by_size[size] = replace(whole, folds=folds, runs=runs)
    nothing = {size: replace(part, arms=()) for size, part in by_size.items()}
    return compare.compare(params or parameters(), by_size, nothing)


def test_sizes_share_one_correction_and_have_each_their_test(folded):
    """Four contrasts are one family; the limited size is tested over draws."""
    found = sized(folded)
    assert list(found["sizes"]) == ["20", "all"]
    assert found["train_patients"] == "20"
    assert found["contrasts"] == found["sizes"]["20"]["contrasts"]
    assert [found["sizes"][size]["test"] for size in ("20", "all")] == ["mrmc", "corrected_t"]
    rows = [row for size in found["sizes"].values() for row in size["contrasts"]]
    assert [row["p_holm"] for row in rows] == pytest.approx(holm([row["p"] for row in rows]))
    assert [row["power"]["alpha"] for row in rows] == pytest.approx([0.05 / 4] * 4)
    assert [row["train_patients"] for row in rows] == ["20", "20", "all", "all"]
    assert {run["train_patients"] for run in found["sizes"]["all"]["runs"]} == {"all"}
    curve = found["curves"]["patients"]
    assert [point["patients"] for point in curve["arms"]["real"]["auc"]] == [20, 40]
    assert set(curve["worth"]) == {"real", "classical+synthetic"}
    assert "sizes" not in compared(folded)


def test_headline_arms_are_corrected_apart(folded):
    """The others are exploratory and say so."""
    found = compared(folded, parameters(headline=["classical+synthetic"]))
    by_arm = {row["arm"]: row for row in found["contrasts"]}
    assert by_arm["classical+synthetic"]["family"] == "headline"
    assert by_arm["classical"]["family"] == "exploratory"
    assert "exploratory" in by_arm["classical"]["sentence"]
    for row in found["contrasts"]:
        assert row["p_holm"] == row["p"]


def test_the_rest_follows_from_error_and_degrees_of_freedom(folded):
    """Equivalence and power of a written contrast are those of its own error."""
    for row in compared(folded, parameters(equivalence_margin=0.1, power=0.9))["contrasts"]:
        result = Paired("", row["difference"], 0, 0, 0, row["error"], row["df"])
        assert row["equivalence"].items() >= vars(equivalence(result, 0.1, 0.95)).items()
        assert power(result, row["power"]["smallest"], row["power"]["alpha"]) == pytest.approx(0.9)
        assert row["effect_size"]["low"] < row["effect_size"]["value"]


def test_equal_arms_of_many_patients_are_equivalent(tmp_path):
    """Predictions that are the same, up to noise in few images, differ by nothing that matters."""
    make_run(tmp_path, EQUAL, patients=300, repeats=2)
    first = pd.read_csv(tmp_path / "predictions/classical.csv")
    for arm in ("real", "classical+synthetic"):
        other = first.copy()
        turned = other.index[::97]
        other.loc[turned, ["prob_cyst", "prob_metastasis"]] = 0.5
        other.to_csv(tmp_path / f"predictions/{arm}.csv", index=False)
    rows = compared(tmp_path, parameters(equivalence_margin=0.05))["contrasts"]
    assert {row["verdict"] for row in rows} == {"equivalent"}
    assert all("makes no difference that matters" in row["sentence"] for row in rows)


def test_subgroups_are_compared_and_drawn(folded):
    """A column of the manifest divides the test images; the file and the figure tell both parts."""
    path = folded / "data/images/manifest.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame.assign(scanner=["GE", "GE", "Philips", "Philips"] * 30).to_csv(path, index=False)
    compare.run(parameters(subgroups=["scanner"]), folded, NullRun())
    found = comparison(folded)["subgroups"]
    assert [(part["level"], part["images"]) for part in found] == [("GE", 60), ("Philips", 60)]
    assert set(found[0]["arms"]["real"]) == {
        "balanced_accuracy", "auc", "sensitivity", "specificity",
    }  # fmt: skip
    assert (folded / "plots/compare/subgroups.png").exists()
    assert (folded / "plots/compare/subgroups.csv").exists()
