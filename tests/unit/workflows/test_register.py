"""The command register: a generator in MLflow's registry, found by an alias and run from there."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import config
from pipeline.errors import DataError, ParameterError
from pipeline.imageset import ImageSet
from pipeline.tracking import GeneratorModel, NullRun, Store, register_generator
from pipeline.workflows import register, sample, train_gan
from tests import tiny_project

# MLflow tells authors about type hints, and its own dependencies about theirs.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
NAME = "conditional-r0f0g0"
LABEL = tiny_project.CLASSES[1]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a trained `conditional`, an empty store and DVC's account of the model."""
    root = tmp_path_factory.mktemp("project")
    tiny_project.make(root)
    lock = (
        "schema: '2.0'\nstages:\n  train_gan@conditional:\n    cmd: x\n    outs:\n"
        "    - path: models/conditional\n      md5: abc.dir\n"
    )
    (root / "dvc.lock").write_text(lock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        train_gan.run(tiny_project.params(), root, "conditional", NullRun())
    return root


@pytest.fixture
def registered(project, monkeypatch):
    """The model, registered."""
    monkeypatch.setenv("DVC_ROOT", str(project))
    return register.run(tiny_project.params(), project, "conditional")


@pytest.fixture
def client(project):
    """Of the store."""
    return Store(f"sqlite:///{project / 'mlflow.db'}", project, "augmentation").client


@pytest.fixture
def mlflow(project):
    """MLflow's own functions, pointed at the store."""
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{project / 'mlflow.db'}")
    yield mlflow
    mlflow.set_tracking_uri(None)


def test_what_is_loaded_makes_the_images_of_sample(project, registered, mlflow):
    """A table of labels, counts and seeds in; the very pixels out, row after row."""
    model = mlflow.pyfunc.load_model(registered.uri)
    assert not list((project / "mlartifacts").rglob("__pycache__"))
    table = pd.DataFrame(
        {"label": [LABEL, tiny_project.CLASSES[0]], "count": [3, 2], "seed": [5, 6]}
    )
    made = model.predict(table)
    images, others = (
        ImageSet.open(
            sample.run(
                tiny_project.params(), project, sample.Order("conditional", label, count, seed)
            )
        )
        for label, count, seed in table.itertuples(index=False)
    )
    assert np.array_equal(made["images"], np.concatenate([images.stored(), others.stored()]))
    assert made["labels"].tolist() == [LABEL] * 3 + [tiny_project.CLASSES[0]] * 2
    assert model.metadata.get_input_schema().input_names() == ["label", "count", "seed"]
    assert model.metadata.get_output_schema().input_names() == ["images", "labels"]
    assert model.input_example is not None


def test_the_same_model_twice_is_one_version(project, registered, client):
    """The alias points at it, and tags say what it is of."""
    again = register.run(tiny_project.params(), project, "conditional", alias="best")
    assert (again.version, again.created) == (registered.version, False)
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1
    version = client.get_model_version_by_alias(NAME, "best")
    assert version.tags["family"] == "conditional"
    assert version.tags["fold"] == "r0f0g0"
    assert version.tags["dvc_md5"] == "abc.dir"
    assert {"git_revision", "content_sha256"} <= set(version.tags)


def test_requirements_are_pinned(registered, mlflow):
    """What the bundle imports, each at the version that it was packed with."""
    path = mlflow.artifacts.download_artifacts(f"{registered.uri}/requirements.txt")
    lines = Path(path).read_text(encoding="utf-8").split()
    assert {line.partition("==")[0] for line in lines} >= {"monai", "torch", "safetensors"}
    assert all("==" in line for line in lines)


def test_latest_is_mlflows_own(project, monkeypatch):
    """It says what to write instead."""
    monkeypatch.setenv("DVC_ROOT", str(project))
    with pytest.raises(DataError, match=rf"models:/{NAME}/latest is the newest"):
        register.run(tiny_project.params(), project, "conditional", alias="latest")


@pytest.mark.parametrize("alias", ["a b", "v1", "V20", "", "gr\u00fcn"])
def test_a_wrong_alias_makes_no_version(project, client, tmp_path, alias):
    """MLflow would refuse it after the version is made."""
    (tmp_path / "file").write_text("of a bundle")
    model = GeneratorModel(
        "new", tmp_path, "abc", ("a",), (1, 4, 4), np.dtype("i2"), False, "images", (), {}
    )
    store = Store(f"sqlite:///{project / 'mlflow.db'}", project, "augmentation")
    with pytest.raises(DataError, match=r"--alias: got .*; give letters"):
        register_generator(store, model, alias)
    assert not client.search_model_versions("name = 'new'")


def test_nothing_tells_of_the_machine(project, registered, client):
    """Neither the project's directory, nor the program's, nor a temporary one, nor a user."""
    version = client.get_model_version(NAME, str(registered.version))
    told = str({**version.tags, **client.get_run(version.run_id).data.tags}).encode()
    files = [path for path in (project / "mlartifacts").rglob("*") if path.is_file()]
    assert {"MLmodel", "pyfunc_model.py"} <= {path.name for path in files}
    for place in (project, Path(register.__file__).parents[2], tempfile.gettempdir() + "/"):
        assert str(place).encode() not in told
        assert not [path for path in files if str(place).encode() in path.read_bytes()]
    assert b"mlflow.user" not in told and b"mlflow.source" not in told


def test_without_tracking_there_is_no_registry(project):
    """It says what to do."""
    params = tiny_project.params().model_copy(update={"tracking": config.Tracking(enabled=False)})
    with pytest.raises(ParameterError, match="python -m pipeline package conditional"):
        register.run(params, project, "conditional")
