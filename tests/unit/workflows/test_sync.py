"""MLflow shows what DVC's files hold, once."""

from __future__ import annotations

import json

import pytest
from ruamel.yaml import YAML

from pipeline import lockfile, tracking
from pipeline.errors import DataError
from pipeline.tracking import NullRun
from pipeline.workflows import compare, sync
from tests.simulated_run import add_generators, make_run, parameters
from tests.simulated_study import SIZES, extend

PARAMETERS = parameters(scheme="holdout")
SKILLS = {"real": 1.0, "classical": 1.5, "classical+synthetic": 3.0}
OUTPUTS = {
    "assess@conditional": "metrics/assess/conditional.json",
    "classify@classical+synthetic": "predictions/classical+synthetic.csv",
    "compare": "metrics/comparison.json",
    "curves": "metrics/curves.json",
}


@pytest.fixture(scope="module")
def synced(tmp_path_factory):
    """A study, shown in a store; and what was done the first time."""
    root = make_run(tmp_path_factory.mktemp("run"), SKILLS, patients=30, folds=1)
    add_generators(root)
    compare.run(PARAMETERS, root, NullRun())
    extend(root)
    stages = {
        name: {"cmd": f"python -m {name}", "outs": [{"path": path, "md5": "0"}]}
        for name, path in OUTPUTS.items()
    }
    YAML().dump({"schema": "2.0", "stages": stages}, root / "dvc.lock")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        done = sync.run(PARAMETERS, root)
        store = tracking.open_store(PARAMETERS)
    return root, done, store


@pytest.fixture
def again(synced, monkeypatch):
    """Syncs once more, into the same store."""

    def run():
        monkeypatch.setenv("DVC_ROOT", str(synced[0]))
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return sync.run(PARAMETERS, synced[0])

    return run


def entry_of(root, stage):
    """The stage's entry in dvc.lock."""
    return lockfile.read(root / "dvc.lock", stage)[0]


def runs(store):
    """All runs by name."""
    found = store.client.search_runs([store.experiment], max_results=1000)
    return {run.info.run_name: run for run in found}


def test_children_are_comparable_by_arm_family_fold_seed_size_and_share(synced):
    """A child for each classifier of each size, with the tags by which people compare."""
    root, done, store = synced
    result = json.loads((root / "metrics/comparison.json").read_text())
    wanted = sum(len(part["runs"]) for part in result["sizes"].values())
    assert done.children == wanted == 3 * len(result["runs"])
    tags = runs(store)["classical+synthetic r10f0s1"].data.tags
    wanted_tags = {
        "augmentation": "classical+synthetic", "family": "conditional", "repeat": "10",
        "fold": "0", "seed": "1", "train_patients": SIZES[1], "share": "0.5",
    }  # fmt: skip
    assert wanted_tags.items() <= tags.items()
    plain = runs(store)["real r0f0s0"].data
    assert not {"family", "share"} & set(plain.tags)
    assert set(plain.metrics) >= {"balanced_accuracy", "auc", "accuracy", "ece"}


def test_the_comparison_shows_contrasts_with_intervals_and_corrected_p(synced):
    """Of the size that decides under plain names, of others under names with their own."""
    root, _, store = synced
    result = json.loads((root / "metrics/comparison.json").read_text())
    metrics = runs(store)["compare"].data.metrics
    row = next(each for each in result["contrasts"] if each["arm"] == "classical+synthetic")
    name = "classical_synthetic minus classical/balanced_accuracy"
    other = "classical_synthetic minus classical with 150 patients/balanced_accuracy"
    assert metrics[name] == row["difference"]
    for key in ("low", "high", "p", "p_holm"):
        assert metrics[f"{name}/{key}"] == row[key]
        assert f"{other}/{key}" in metrics
    arm = result["sizes"]["150"]["arms"]["real"]["auc"]["mean"]
    assert metrics["real with 150 patients/auc"] == arm


def test_charts_are_artifacts_of_the_parent(synced):
    """Those of `compare`, and the chart that `curves` drew after it."""
    _, _, store = synced
    parent = runs(store)["compare"].info.run_id
    found = {
        item.path for path in ("plots", "plots/curves")
        for item in store.client.list_artifacts(parent, path)
    }  # fmt: skip
    wanted = {"arms", "contrasts", "patients", "reliability", "shares", "subgroups"}
    assert {f"plots/{name}.png" for name in wanted} | {"plots/curves/augmentation.png"} <= found


def test_assess_and_curves_show_their_figures(synced):
    """Fidelity by extractor, copies by model, and the chart's points."""
    root, _, store = synced
    document = json.loads((root / "metrics/assess/conditional.json").read_text())
    metrics = runs(store)["assess@conditional"].data.metrics
    assert metrics["kid"] == document["mean"]["kid"]
    assert metrics["texture/kid"] == document["mean_features"]["texture"]["kid"]
    assert metrics["copies/r0f0g0/copying"] == 0
    assert metrics["copies/r0f0g0/pixels/share"] == 0.03
    assert metrics["copies/r0f0g0/discriminator/auc"] == 0.53
    assert runs(store)["curves"].data.metrics["classical 400"] == pytest.approx(0.75)


def test_a_second_time_nothing_is_added(synced, again):
    """Runs, figures and artifacts stay as they are."""
    _, _, store = synced
    before = {name: run.data.to_dictionary() for name, run in runs(store).items()}
    done = again()
    assert (done.created, done.present, done.children) == (0, len(OUTPUTS), 0)
    assert {name: run.data.to_dictionary() for name, run in runs(store).items()} == before


def test_a_newer_chart_takes_the_place_of_the_older(synced, again):
    """Where `curves` ran again and `compare` did not, the parent shows the chart that is there."""
    root, _, store = synced
    lock = YAML(typ="safe").load(root / "dvc.lock")
    lock["stages"]["curves"]["cmd"] += " again"
    YAML().dump(lock, root / "dvc.lock")
    key = store.tags(store.find(entry_of(root, "compare")))["curves_key"]
    assert again().created == 1
    assert store.tags(store.find(entry_of(root, "compare")))["curves_key"] != key


def test_a_store_that_is_no_database_is_said_as_the_doctor_says_it(tmp_path, monkeypatch):
    """With its mend, and without SQL."""
    (tmp_path / "mlflow.db").write_text("no database " * 1000)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    mend = "move mlflow.db away, then: python -m pipeline sync"
    with pytest.raises(DataError, match=f"^MLflow: mlflow.db is no database; {mend}$"):
        sync.run(PARAMETERS, tmp_path)


def test_what_the_doctor_does_not_know_is_said_as_mlflow_says_it(tmp_path, monkeypatch):
    """In short."""

    def fail(_):
        raise OSError("disk\nfull" + 1000 * "!")

    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(tracking, "open_store", fail)
    with pytest.raises(
        DataError, match=r"^MLflow: its store cannot be used \(disk full!{291}\); try"
    ):
        sync.run(PARAMETERS, tmp_path)
