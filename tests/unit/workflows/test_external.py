"""A set made elsewhere becomes an arm's images, and brings no test patient along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from pipeline import config
from pipeline.config import Params, parse
from pipeline.data import check_leaks, sklearn_arrays
from pipeline.errors import DataError, LeakError, ParameterError
from pipeline.imageset import ImageSet
from pipeline.readers import provenance
from pipeline.splits import Splits
from pipeline.tracking import NullRun
from pipeline.workflows import assess, classify, compare, export, external, report
from tests.discs import META, make

ROOT = Path(__file__).parents[3]
THEIRS = {"path": "theirs", "format": "npz", "trained_on": "unknown"}
WINDOWED = {"window": [0, 1], "classes": {"0": "dark", "1": "bright"}}


def parameters(**settings: Any) -> Params:
    """The project's parameters with one set made elsewhere, and an arm of it."""
    values = YAML(typ="safe").load(ROOT / "params.yaml")
    values["compute"].update(device="cpu", workers=1)
    values["assess"].update(embedding_steps=3)
    values["synthesize"]["external"] = {"theirs": {**THEIRS, **WINDOWED, **settings}}
    values["classify"].update(steps=4, batch=8, evaluate_every=2, seeds=1)
    values["classify"]["options"] = {"channels": [4, 8]}
    values["classify"]["arms"] = {
        "classical": {"recipe": "classical", "images": "data/augmented"},
        "theirs": {"recipe": "classical_synthetic", "images": "data/synthetic/theirs"},
    }
    return parse(values)


def discs(count: int, side: int = 24, seed: int = 5) -> np.ndarray:
    """(N, side, side) from 0 to 1: squares in the middle, bright in every other image."""
    images = np.random.default_rng(seed).normal(0.5, 0.07, (count, side, side))
    middle = slice(side // 3, 2 * side // 3)
    images[::2, middle, middle] -= 0.3
    images[1::2, middle, middle] += 0.3
    return images.astype(np.float32)


def write(directory: Path, images: np.ndarray) -> None:
    """An .npz as somebody's generator leaves it."""
    directory.mkdir(parents=True, exist_ok=True)
    np.savez(directory / "made.npz", train_images=images, train_labels=np.arange(len(images)) % 2)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of discs with two folds, and somebody's images, twice as large, from 0 to 1."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    make(tmp_path, folds=2)
    write(tmp_path / "theirs", discs(12))
    return tmp_path


def found(root: Path) -> dict[str, Any]:
    """What the stage says."""
    document: dict[str, Any] = json.loads(
        (root / "data/synthetic/theirs/external.json").read_text()
    )
    return document


def test_images_become_those_of_the_scans(project):
    """Half as large, in HU over the same window, with our classes; and selected by the fold."""
    external.run(parameters(), project, "theirs", NullRun())
    for fold in (0, 1):
        images = ImageSet.open(project / f"data/synthetic/theirs/r0f{fold}g0")
        assert (len(images), images.shape, images.dtype) == (12, (1, 12, 12), np.int16)
        assert images.meta == META
        assert set(images.manifest["origin"]) == {"theirs"}
        assert images.manifest["label"].tolist() == ["dark", "bright"] * 6
        assert images.manifest["image_id"].iloc[0] == f"theirs-r0f{fold}g0-00001"
        assert images.manifest.groupby("label")["selected"].sum().tolist() == [3, 3]
        # 0.5 of the way from -100 to 200 is 50; the squares are 0.3 of it, 90, away.
        assert images.stored()[:, 0, 6, 6].reshape(-1, 2).mean(0) == pytest.approx(
            [-40, 140], abs=9
        )
    facts = found(project)["folds"]["r0f0g0"]
    assert facts["changes"] == {"relabelled": 12, "resampled": 12, "rescaled": 12}
    assert (facts["images"], facts["quarantined"], facts["near_test"]) == (12, 0, 0)


def test_the_same_bytes_again(project):
    """Two runs write equal files."""
    runs = []
    for _ in range(2):
        external.run(parameters(), project, "theirs", NullRun())
        root = project / "data/synthetic/theirs"
        runs.append({p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()})
    assert runs[0] == runs[1]


def test_an_arm_trains_on_them(project):
    """Classify takes the set like any family's."""
    external.run(parameters(), project, "theirs", NullRun())
    classify.run(parameters(), project, "theirs", NullRun())
    assert (project / "predictions/theirs.csv").exists()


def test_unknown_training_patients_are_said(project):
    """Allowed, and told in the assessment's figures, on the page and beside every verdict."""
    params = parameters()
    external.run(params, project, "theirs", NullRun())
    assess.run(params, project, "theirs", NullRun())
    document = json.loads((project / "metrics/assess/theirs.json").read_text())
    assert document["external"] == found(project)
    assert set(document["folds"]) == {"r0f0g0", "r0f1g0"}
    for arm in params.classify.arms:
        classify.run(params, project, arm, NullRun())
    compared = params.compare.model_copy(update={"headline": ("theirs",), "bootstrap": 20})
    params = params.model_copy(update={"compare": compared})
    compare.run(params, project, NullRun())
    (row,) = json.loads((project / "metrics/comparison.json").read_text())["contrasts"]
    sentence = "Which patients the generator of theirs was trained on is unknown"
    assert sentence in row["sentence"]
    report.run(params, project, NullRun())
    page = (project / "report/index.html").read_text()
    assert page.count(sentence) >= 2
    assert "theirs: a leak cannot be excluded." in page


def test_exports_take_it(project):
    """Like any family's images."""
    external.run(parameters(), project, "theirs", NullRun())
    export.run(parameters(), project, "theirs", NullRun())
    assert len(list((project / "exports/theirs/png").rglob("*.png"))) == 12


@pytest.mark.parametrize("fold", [0, 1])
def test_a_generator_that_saw_a_test_patient_is_refused(project, fold):
    """With the pseudonym, what to do, and before anything is written."""
    tested = sorted(Splits.open(project / "data/splits.csv").ids(0, fold, "test"))[0]
    (project / "theirs/patients.csv").write_text(f"patient_id\n{tested}\n")
    with pytest.raises(LeakError, match=rf"r0f{fold} \({tested}\).*r0f0, r0f1, .*holdout"):
        external.run(parameters(trained_on="patients.csv"), project, "theirs", NullRun())
    assert not (project / "data/synthetic/theirs").exists()


def test_each_fold_may_have_a_set_of_its_own(project, monkeypatch):
    """From a generator that saw the fold's training patients and a stranger, as its list says."""
    monkeypatch.setattr(external.enrolment, "patients", lambda params, root: {})
    splits = Splits.open(project / "data/splits.csv")
    for fold in (0, 1):
        directory = project / f"theirs/r0f{fold}"
        write(directory, discs(12, seed=fold))
        train = sorted(splits.ids(0, fold, "train"))
        (directory / "patients.csv").write_text("\n".join(["patient", "ROE-1234", *train]))
    external.run(parameters(trained_on="patients.csv"), project, "theirs", NullRun())
    first, second = (
        ImageSet.open(project / f"data/synthetic/theirs/r0f{fold}g0").stored() for fold in (0, 1)
    )
    assert not np.array_equal(first, second)
    for fold in (0, 1):
        images = ImageSet.open(project / f"data/synthetic/theirs/r0f{fold}g0")
        assert set(images.manifest["trained_on"]) == {f"r0f{fold}g0"}
        real = ImageSet.open(project / f"data/augmented/r0f{1 - fold}")
        with pytest.raises(LeakError):
            check_leaks(real, images, None)
        _, _, _, folds = sklearn_arrays(ImageSet.open(project / "data/images"), images)
        added = [int((train >= len(splits.frame) // 2).sum()) for train, _ in folds.split()]
        assert added[1 - fold] == 0 < added[fold]
    assert found(project)["folds"]["r0f1g0"]["saw_patients"] == {
        "train": 24, "val": 0, "excluded": 0,
    }  # fmt: skip
    for path in (project / "data/synthetic/theirs").rglob("*"):
        assert path.is_dir() or b"ROE-1234" not in path.read_bytes()


@pytest.mark.parametrize(
    ("scans", "list_"),
    [("Doe-12", "DOE-12"), ("0012", "12"), ("12", "0012"), ("0012", "12.0"), ("000", "0")],
)
def test_identifiers_of_the_scans_are_known(project, monkeypatch, scans, list_):
    """A list in the scans' words, or what a spreadsheet makes of these; it is not repeated."""
    tested = sorted(Splits.open(project / "data/splits.csv").ids(0, 0, "test"))[0]
    monkeypatch.setattr(external.enrolment, "patients", lambda params, root: {scans: tested})
    (project / "theirs/patients.csv").write_text(f"sex,patient\nF,{list_}\n")
    with pytest.raises(LeakError, match=tested) as refused:
        external.run(parameters(trained_on="patients.csv"), project, "theirs", NullRun())
    told = str(refused.value).lower().replace(tested, "")
    assert list_ == "0" or list_.lower() not in told


@pytest.mark.parametrize(("scans", "list_"), [("0012", "120"), ("A012", "A12"), ("0012", "1")])
def test_strangers_with_a_similar_number_are_strangers(project, scans, list_):
    """Zeros are dropped before a number alone."""
    tested = sorted(Splits.open(project / "data/splits.csv").ids(0, 0, "test"))[0]
    (project / "theirs/patients.csv").write_text(f"patient\n{list_}\n")
    images = ImageSet.open(project / "data/images")
    seen = provenance.read("patients.csv", project / "theirs", images, lambda: {scans: tested})
    assert (seen.listed, seen.patients) == (1, frozenset())


@pytest.mark.parametrize(
    "table",
    ["patient_id;site\nS1;A\nS2;B\n", "Site,Patient ID\nA,S1\nB,S2\n", "S1\nS2\n",
     "case-id\tage\nS1\t7\nS2\t8\n"],
)  # fmt: skip
def test_lists_are_read_as_tables_are_written(project, table):
    """Whatever parts the columns, and however the patients' column is spelt."""
    (project / "theirs/patients.csv").write_text(table)
    images = ImageSet.open(project / "data/images")
    ours = sorted(set(images.manifest["patient_id"]))[:2]
    known = dict(zip(("S1", "S2"), ours, strict=True))
    seen = provenance.read("patients.csv", project / "theirs", images, lambda: known)
    assert (seen.listed, seen.patients) == (2, frozenset(ours))


def test_a_list_that_nobody_can_read_is_refused(project, monkeypatch):
    """Columns without a known heading, and patients of whom the scans know none."""
    monkeypatch.setattr(external.enrolment, "patients", lambda params, root: {"S1": "p0001"})
    (project / "theirs/patients.csv").write_text("site,who\nA,S1\n")
    with pytest.raises(DataError, match=r"several columns.*patient_id"):
        external.run(parameters(trained_on="patients.csv"), project, "theirs", NullRun())
    (project / "theirs/patients.csv").write_text("patient\nX1\nX2\n")
    with pytest.raises(DataError, match=r"lists 2 patients, none of whom.*`elsewhere`") as refused:
        external.run(parameters(trained_on="patients.csv"), project, "theirs", NullRun())
    assert "X1" not in str(refused.value)


def test_copies_of_test_images_are_refused_and_near_ones_told(project):
    """Equal pixels stop the stage; likenesses are counted and named."""
    real = ImageSet.open(project / "data/images")
    tested = Splits.open(project / "data/splits.csv").select(real, 0, 0, "test")
    noise = np.random.default_rng(0).normal(0, 2, tested.stored().shape)
    same = parameters(unit="HU", window=None, max_quarantined=0.2)
    write(project / "theirs", (tested.stored() + noise)[:, 0].astype(np.float32))
    external.run(same, project, "theirs", NullRun())
    facts = found(project)["folds"]["r0f0g0"]
    assert facts["near_test"] == 12
    assert facts["near_pairs"][0][1] in set(tested.manifest["image_id"])
    write(project / "theirs", tested.stored()[:, 0])
    with pytest.raises(LeakError, match="12 of its images have the same pixels"):
        external.run(same, project, "theirs", NullRun())


def test_broken_images_are_set_aside_up_to_a_limit(project):
    """Named with their reason; one too many stops the stage and says what is wrong."""
    images = discs(12)
    images[3], images[7, 0, 0] = 0.5, np.nan
    write(project / "theirs", images)
    external.run(parameters(max_quarantined=0.2), project, "theirs", NullRun())
    table = (project / "data/synthetic/theirs/quarantine.csv").read_text()
    assert "train_images[3],its image is constant" in table
    assert "train_images[7],its image holds NaN" in table
    with pytest.raises(DataError, match=r"2 of 12 images cannot be used.*max_quarantined = 0\.1"):
        external.run(parameters(), project, "theirs", NullRun())


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"path": "gone"}, ParameterError, r"external\.theirs\.path: got 'gone'"),
        ({"window": None}, ParameterError, r"external\.theirs\.window: is needed.*`unit: HU`"),
        ({"classes": {}}, DataError, "its class '0' is none of dark, bright: map it in classes"),
        ({"trained_on": "list.csv"}, DataError, r"list\.csv: the list of training patients"),
    ],
)
def test_a_mistake_is_one_sentence(project, settings, error, message):
    """It names the parameter and what to do."""
    with pytest.raises(error, match=message):
        external.run(parameters(**settings), project, "theirs", NullRun())


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("dcgan", {}, r"synthesize\.external\.dcgan: is the name of a family"),
        ("a.b", {}, "letters, digits"),
        ("theirs", {"format": "tar"}, r"theirs\.format: got 'tar'; choose one of dicom, folder"),
    ],
)
def test_names_and_formats_are_checked_first(name, settings, message):
    """Before anything runs."""
    values = YAML(typ="safe").load(ROOT / "params.yaml")
    values["synthesize"]["external"] = {name: {**THEIRS, **settings}}
    with pytest.raises(ParameterError, match=message):
        config.check_everything(parse(values))


def test_who_was_trained_on_must_be_said():
    """A list, `elsewhere` or `unknown`, and nothing else."""
    with pytest.raises(ParameterError, match=r"trained_on: .*: give a CSV file"):
        parameters(trained_on="nobody")


def test_arms_and_curves_may_name_it():
    """As they may name a family."""
    params = parameters()
    curves = params.curves.model_copy(update={"families": ("theirs",)})
    compare = params.compare.model_copy(update={"headline": ("theirs",)})
    config.check_everything(params.model_copy(update={"curves": curves, "compare": compare}))
    with pytest.raises(ParameterError, match=r"synthesize\.external; add it there"):
        synthesize = params.synthesize.model_copy(update={"external": {}})
        config.check_everything(params.model_copy(update={"synthesize": synthesize}))
