"""A wrong parameter is one sentence that names it, before anything runs."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline import config
from pipeline.errors import DataError, ParameterError

ROOT = Path(__file__).parents[2]
VALUES = YAML(typ="safe").load(ROOT / "params.yaml")


def changed(place: str, value) -> dict:
    """params.yaml with one value changed, or added."""
    values = copy.deepcopy(VALUES)
    *above, last = place.split("/")
    section = values
    for name in above:
        section = section[name]
    section[last] = value
    return values


def test_the_committed_parameters_are_right():
    """The demonstration passes its own checks."""
    config.check_everything(config.load(ROOT / "params.yaml"))


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("seed", -1, "seed: got -1"),
        ("splt", {}, "splt: is unknown"),
        ("split/folds", 1, "split.folds: got 1"),
        ("split/scheme", "loo", "split.scheme: got 'loo'"),
        ("split/val_share", 0.95, "split.val_share"),
        ("ingest/size", [32], "ingest"),
        ("ingest/window", [400, -1000], "ingest"),
        ("ingest/souce", "x", "ingest.souce: is unknown"),
        ("augment/copies", 0, "augment.copies: got 0"),
        ("compute/precision", "fp8", "compute.precision: got 'fp8'"),
        ("compute/device", "gpu", "compute.device: got 'gpu': choose auto, cpu, cuda"),
        ("augment/copies", True, "augment.copies: got True"),
        ("augment/blur", float("inf"), "augment.blur: got inf"),
        ("ingest/window", [float("nan"), 255.0], "ingest.window.0: got nan"),
        ("ingest/window", [200.0, -100.0], "ingest.window: got [200.0, -100.0]: give the lower"),
        ("ingest/size", [32], "ingest.size: got [32]: give two numbers for 2D"),
        ("augment/rotation_degrees", -5, "augment.rotation_degrees: got -5"),
        ("train_gan", None, "train_gan: holds no parameters; give some below it"),
        ("train_gan/families", "dcgan", "train_gan.families: got 'dcgan': give a list, e.g. [dcg"),
        ("synthesize/selection", {"keep": 0}, "synthesize.selection.keep: got 0"),
        ("synthesize/selection", {"keep": 1.2}, "synthesize.selection.keep: got 1.2"),
        ("synthesize/selection", {"near_share": -1}, "synthesize.selection.near_share"),
        ("synthesize/selection", {"neighbours": 0}, "synthesize.selection.neighbours"),
        ("synthesize/selection", {"best": 1}, "synthesize.selection.best: is unknown"),
        ("classify/seeds", "many", "classify.seeds: got 'many'"),
        ("compare/primary", "kappa", "compare.primary: got 'kappa'"),
        ("compare/equivalence_margin", 0, "compare.equivalence_margin: got 0"),
        ("compare/power", 1.0, "compare.power: got 1.0"),
        ("compare/headline", [], "compare.headline: got []"),
        ("compare/headline", ["classical"], "compare.headline: got 'classical'; choose one of"),
        ("ingest/source", "png", "ingest.source: got 'png'; choose one of dicom"),
        ("ingest/options", {"lesion": 3}, "ingest.options.lesion: is unknown"),
        ("train_gan/families", ["dcgn"], "train_gan.families: got 'dcgn'; choose one of"),
        ("train_gan/options", {"conditional": {}}, "train_gan.options.dcgan: is absent"),
        ("train_gan/options/dcgan", {"steps": 0}, "train_gan.options.dcgan.steps: got 0"),
        (
            "synthesize/attributes",
            {"stackgn": {"margin": "Poor"}},
            "synthesize.attributes.stackgn: got 'stackgn'; choose one of",
        ),
        (
            "synthesize/attributes",
            {"dcgan": {"margin": "Poor"}},
            "synthesize.attributes.dcgan: `dcgan` is told no attributes",
        ),
        ("assess/features", "radiomics", "assess.features: got 'radiomics'"),
        ("assess/features", [], "assess.features: got []"),
        ("assess/features", ["fold_embeding"], "assess.features: got 'fold_embeding'; choose"),
        ("assess/features", ["lesion"], "assess.features: begins with 'lesion', which describes"),
        ("assess/features", ["pretrained"], "assess.options.pretrained.file: is missing"),
        ("assess/options", {"radiomics": {"bins": 1}}, "assess.options.radiomics.bins: got 1"),
        ("assess/options", {"lesion": {}}, "assess.options.lesion: got 'lesion'; choose one of"),
        (
            "synthesize/selection",
            {"criteria": ["realsm"]},
            "synthesize.selection.criteria: got 'realsm'; choose one of copies",
        ),
        ("classify/model", "resnet", "classify.model: got 'resnet'; choose one of"),
        ("export/formats", ["jpg"], "export.formats: got 'jpg'; choose one of"),
        ("classify/arms", {}, "classify.arms: is empty"),
        ("classify/arms/a.b", {"recipe": "real", "images": "x"}, "letters, digits, blanks"),
        ("classify/arms/real", {"recipe": "rael", "images": "x"}, "choose one of classical"),
        (
            "classify/arms/new",
            {"recipe": "synthetic", "images": "data/synthetic/wgan"},
            "needs the family 'wgan'",
        ),
        (
            "classify/arms/real",
            {"recipe": "real", "images": "data/augmented", "selected": True},
            "classify.arms.real.selected: got true, but the recipe 'real' takes no synthetic",
        ),
        (
            "classify/arms/new",
            {"recipe": "synthetic", "images": "data/synthetik/dcgan"},
            "classify.arms.new.images: got 'data/synthetik/dcgan'; choose one of data/synthetic/",
        ),
        (
            "classify/arms/new",
            {"recipe": "synthetic", "images": "data/synthetic/dcgan/"},
            "classify.arms.new.images: got 'data/synthetic/dcgan/'; choose one of",
        ),
        ("classify/arms/it's", {"recipe": "real", "images": "data/augmented"}, "letters, digits"),
        ("compare/baseline", "clasical", "compare.baseline: got 'clasical'; choose one of"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(place, value, words):
    """No library's traceback, and no other parameter, is what the user sees."""
    with pytest.raises(ParameterError) as caught:
        config.check_everything(config.parse(changed(place, value)))
    message = str(caught.value)
    assert message.startswith("params.yaml: ")
    assert words in message
    assert "\n" not in message


def test_a_missing_section_is_named():
    """`ingest` has no default."""
    values = {name: value for name, value in VALUES.items() if name != "ingest"}
    with pytest.raises(ParameterError, match="ingest: is missing"):
        config.parse(values)


@pytest.mark.parametrize(
    ("text", "words"), [(None, "is missing"), ("a: [", "is not YAML"), ("", "no parameters")]
)
def test_a_file_that_is_no_parameters_is_said(tmp_path, text, words):
    """Missing, broken or empty."""
    path = tmp_path / "params.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=words):
        config.load(path)


def test_parameters_cannot_be_changed_after_reading():
    """Sections are frozen."""
    params = config.parse(VALUES)
    with pytest.raises(ValueError, match="frozen"):
        params.split.folds = 5


def test_classes_of_another_set_may_be_numbers():
    """As YAML reads the keys of `{0: benign, 1: malignant}`."""
    section = {"path": "x", "trained_on": "unknown", "classes": {0: "benign", "1": "malignant"}}
    assert config.External.model_validate(section).classes == {"0": "benign", "1": "malignant"}
