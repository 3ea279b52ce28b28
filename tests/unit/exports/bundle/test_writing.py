"""A bundle as MONAI and its users meet it."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys

import jsonschema
import numpy as np
import pytest

from pipeline.exports.bundle import configs, inference
from pipeline.exports.bundle.card import Origin, data_license
from pipeline.exports.bundle.writing import write_bundle
from pipeline.exports.facts import PURPOSE, Facts
from pipeline.imageset import ImageSet
from pipeline.tracking import NullRun
from pipeline.workflows import package, sample, train_gan
from tests import tiny_project

LABEL = tiny_project.CLASSES[1]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a trained `conditional`, and its bundle."""
    root = tmp_path_factory.mktemp("project")
    tiny_project.make(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        train_gan.run(tiny_project.params(), root, "conditional", NullRun())
    return root, package.run(tiny_project.params(), root, "conditional")


def monai_bundle(directory, call):
    """Call a function of monai.bundle in the bundle's directory, in a process of its own."""
    code = f"import warnings; warnings.simplefilter('ignore')\nfrom monai import bundle\n{call}"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_monai_runs_it_to_the_images_of_sample(project, tmp_path):
    """`monai.bundle.run` writes the pixels that `sample` writes, with labels and seeds."""
    root, directory = project
    run = (
        "bundle.run(config_file='configs/inference.json', "
        f"label={LABEL!r}, count=3, seed=4, output_dir={str(tmp_path / 'out')!r})"
    )
    done = monai_bundle(directory, run)
    assert done.returncode == 0, done.stderr
    images = ImageSet.open(
        sample.run(tiny_project.params(), root, sample.Order("conditional", LABEL, 3, seed=4))
    )
    with np.load(tmp_path / "out/images.npz", allow_pickle=False) as made:
        assert np.array_equal(made["images"], images.stored())
        assert made["images"].dtype == np.int16
        assert made["labels"].tolist() == [LABEL] * 3
    with (tmp_path / "out/labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["seed"]) for row in rows] == images.manifest["seed"].astype(int).tolist()
    again = monai_bundle(directory, run)
    assert again.returncode == 1
    assert "holds images already; choose another output_dir" in again.stderr


def test_monai_verifies_it_without_a_network(project):
    """Metadata against the schema beside it, and the network's input and output."""
    _, directory = project
    done = monai_bundle(
        directory,
        "bundle.verify_metadata('configs/metadata.json', filepath='configs/schema.json')\n"
        "bundle.verify_net_in_out('network_def', 'configs/metadata.json', "
        "'configs/inference.json', device='cpu')",
    )
    assert done.returncode == 0, done.stderr


def test_monais_command_line_runs_it(project, tmp_path):
    """As the model card says it."""
    if importlib.util.find_spec("fire") is None:
        pytest.skip("the package fire, which MONAI's command line needs, is not installed")
    _, directory = project
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file"]
    command += ["configs/inference.json", "--count", "2", "--output_dir", str(tmp_path / "out")]
    subprocess.run([*command, "--output_format", "nifti"], cwd=directory, check=True)
    assert len(list((tmp_path / "out").glob("*.nii.gz"))) == 4


def test_a_wrong_label_is_one_sentence(project):
    """No traceback, and the classes that there are."""
    done = monai_bundle(project[1], "bundle.run(config_file='configs/inference.json', label='x')")
    assert done.returncode == 1
    assert "Error: label: got 'x'; choose one of benign, malign / grade: 3" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"device": "cuda:77"}, "device: got 'cuda:77', which this machine lacks; use auto or cpu"),
        ({"device": "meta"}, "device: got 'meta', which this machine lacks; use auto or cpu"),
        ({"output_dir": "/dev/null/x"}, "output_dir: '/dev/null/x' cannot be written to"),
        ({"sources": 7}, "7: is neither an ImageSet's directory nor a readable .npz file"),
    ],
)
def test_a_mistake_ends_in_one_sentence(project, wanted, sentence, monkeypatch):
    """Also where MONAI turns what is written into numbers."""
    monkeypatch.setattr(inference, "bundle_root", lambda: project[1])
    given = {"output_dir": "eval", "sources": None, "device": "cpu", **wanted}
    with pytest.raises(SystemExit) as caught:
        inference.Sampler(given["sources"], given["device"]).write(None, 1, 0, given["output_dir"])
    assert f"Error: {sentence}" in str(caught.value)


def test_the_schema_refuses_what_lacks_a_version(project):
    """It is no schema that anything passes."""
    _, directory = project
    metadata = json.loads((directory / "configs/metadata.json").read_text())
    jsonschema.validate(metadata, configs.schema())
    for name in ("monai_version", "network_data_format", "copyright"):
        less = {key: value for key, value in metadata.items() if key != name}
        with pytest.raises(jsonschema.ValidationError, match=name):
            jsonschema.validate(less, configs.schema())


def test_the_same_model_gives_the_same_bytes(project, tmp_path):
    """Wherever it is written."""
    root, directory = project
    again = write_bundle(
        tiny_project.params(), root, "conditional", "r0f0g0", tmp_path / "elsewhere"
    ).directory
    files = [path.relative_to(directory) for path in directory.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        assert (directory / path).read_bytes() == (again / path).read_bytes(), path


def test_the_card_tells_figures_floors_and_limits(project, tmp_path):
    """Those of the model that is packed; without an assessment it says so."""
    root, directory = project
    text = (directory / "docs/README.md").read_text(encoding="utf-8")
    assert "Not measured" in text
    assert "learnt from 4 images of 4 patients" in text
    assert PURPOSE in text
    figure = {"value": 0.25, "floor": 0.125, "floor_low": 0.1, "floor_high": 0.2}
    found = {"r0f0g0": {"all": {"kid": figure, "images": 9}, "copies": {"finding": "None found."}}}
    path = root / "metrics/assess/conditional.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"folds": found}))
    licence = tmp_path / "licence.txt"
    licence.write_text("CC BY 4.0\n")
    told = package.run(
        tiny_project.params(), root, "conditional", out=tmp_path / "told", licence=licence
    )
    path.unlink()
    text = (told / "docs/README.md").read_text(encoding="utf-8")
    assert "| Kernel distance (KID) | 0.25 | 0.125 | 0.1 | 0.2 |" in text
    assert "Copies of training images: None found." in text
    assert (told / "docs/data_license.txt").read_text() == "CC BY 4.0\n"
    metadata = json.loads((told / "configs/metadata.json").read_text())
    assert metadata["eval_metrics"] == {"kid": 0.25, "kid_floor": 0.125, "images": 9.0}


@pytest.mark.parametrize(
    ("source", "licence", "given", "expected"),
    [
        ("nifti", None, "Ask me.\n", "Ask me.\n"),
        ("nifti", "CC BY 3.0", "Ask me.\n", "Ask me.\n"),
        ("nifti", "CC BY 3.0", None, "Licence of the training images: CC BY 3.0\n"),
        ("phantom", None, None, "Licence of the training images: none needed: "),
        ("nifti", None, None, "The licence of the training images was not named"),
    ],
)
def test_the_licence_is_the_one_that_data_cards_name(source, licence, given, expected):
    """What the person who packs says comes first, then ingest.licence; phantoms need none."""
    origin = Origin(Facts("dcgan", 0, source, licence), "r0f0g0", {}, "", "")
    assert data_license(origin, given).startswith(expected)


def test_parameters_reach_the_licence(project, tmp_path):
    """Without a file of one's own, `package` says what params.yaml says."""
    params = tiny_project.params()
    stated = params.model_copy(
        update={"ingest": params.ingest.model_copy(update={"licence": "CC BY 3.0"})}
    )
    packed = package.run(stated, project[0], "conditional", out=tmp_path / "stated")
    text = (packed / "docs/data_license.txt").read_text(encoding="utf-8")
    assert text == "Licence of the training images: CC BY 3.0\n"
