"""Exports hold what is known of the images, and a mistake is a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline import cli, config
from pipeline.errors import DataError, ParameterError
from pipeline.tracking import NullRun
from pipeline.workflows import export
from tests.shipments import synthetic_set

SELECTION = {"cyst": {"images": 3, "passed": 2, "refused": 1, "selected": 3, "failed": {}}}
ASSESSMENT = {
    "features": ["fold_embedding"],
    "yardstick": "images of held-out patients",
    "mean": {"kid": 0.25, "kid_floor": 0.125},
    "folds": {
        "r0f0g0": {
            "copies": {
                "copying": False,
                "finding": "No more copies found than among others.",
                "flagged_images": 1,
                "spaces": {
                    "pixels": {
                        "share": {"value": 0.5, "low": 0.0, "high": 1.0},
                        "expected": 0.0625,
                        "distance": {"synthetic": {"median": 2.0}, "held_out": {"median": 3.0}},
                    }
                },
                "membership": {"attacks": {"distance_pixels": {"auc": {"value": 0.75}}}},
            }
        }
    },
}


def params(**changes: object) -> config.Params:
    """Parameters of a project with the family dcgan."""
    return config.parse(
        {
            "seed": 7,
            "ingest": {"source": "phantom", "licence": "CC BY 3.0"},
            "train_gan": {"families": ["dcgan"], "options": {"dcgan": {"steps": 400}}},
            "classify": {"arms": {}},
            "export": {"formats": ["png", "npz"], **changes},
        }
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with an assessed family, and no model anywhere."""
    synthetic_set(tmp_path / "data/synthetic/dcgan/r0f0g0", (8, 6))
    selection = tmp_path / "data/synthetic/dcgan/r0f0g0/selection.json"
    selection.write_text(json.dumps(SELECTION))
    (tmp_path / "metrics/assess").mkdir(parents=True)
    (tmp_path / "metrics/assess/dcgan.json").write_text(json.dumps(ASSESSMENT))
    return tmp_path


def card_of(folder: Path) -> dict[str, object]:
    """The card for machines."""
    found: dict[str, object] = json.loads((folder / "card.json").read_text())
    return found


def test_every_format_is_written_and_what_was_there_is_gone(root: Path) -> None:
    """A file left over from another format would leave with the new ones."""
    stale = root / "exports/dcgan/old/left-over.txt"
    stale.parent.mkdir(parents=True)
    stale.write_text("left over")
    export.run(params(), root, "dcgan", NullRun())
    assert sorted(path.name for path in (root / "exports/dcgan").iterdir()) == ["npz", "png"]


def test_the_card_holds_what_is_known(root: Path) -> None:
    """Origin, options, counts, selection, and every figure beside its floor."""
    export.run(params(), root, "dcgan", NullRun())
    card = card_of(root / "exports/dcgan/png")
    assert card["counts"] == {"cyst": {"r0f0g0": 3}, "a/b": {"r0f0g0": 2}}
    origin = "a phantom: simulated scans, no patients"
    assert (card["origin"], card["licence"]) == (origin, "CC BY 3.0")
    assert card["generator"] == {
        "name": "dcgan", "trained_here": True, "options": {"steps": 400}, "seed": 7,
    }  # fmt: skip
    assert card["selection"] == [{"fold": "r0f0g0", "class": "cyst", **SELECTION["cyst"]}]
    (figure,) = card["fidelity"]["figures"]
    assert (figure["figure"], figure["value"], figure["floor"]) == ("kid", 0.25, 0.125)
    assert card["copies"]["spaces"] == [
        {
            "space": "pixels", "share_flagged": 0.5, "expected_by_chance": 0.0625,
            "median_distance": 2.0, "median_distance_floor": 3.0,
        }
    ]  # fmt: skip
    assert card["copies"]["membership"] == [
        {"attack": "distance_pixels", "auc": 0.75, "by_chance": 0.5}
    ]
    text = (root / "exports/dcgan/png/card.md").read_text()
    assert "| Kernel distance (KID) | 0.25 | 0.125 | lower is closer to real images |" in text
    assert "- r0f0g0: No more copies found than among others." in text
    assert "- Licence of the source data: CC BY 3.0" in text
    assert "| r0f0g0 | cyst | 3 | 2 | 1 | 3 |" in text


def test_a_set_from_outside_leaves_too_and_claims_nothing(root: Path) -> None:
    """No model, no metrics: what is unknown is said to be."""
    synthetic_set(root / "data/synthetic/colleague/everyone", (8, 6))
    (folder,) = export.by_hand(params(), root, "colleague", root / "out", formats=["npz"])
    card = card_of(folder)
    assert (card["origin"], card["licence"]) == ("unknown", "unknown")
    assert (card["fidelity"], card["copies"], card["selection"]) == (None, None, [])
    text = (folder / "card.md").read_text()
    assert "colleague, which was not trained by this pipeline." in text
    assert "It was not assessed." in text
    assert "Copies were not looked for." in text


def test_options_reach_their_format(root: Path) -> None:
    """16 bits where they are asked for."""
    from PIL import Image

    export.run(params(options={"png": {"bits": 16}}), root, "dcgan", NullRun())
    with Image.open(next((root / "exports/dcgan/png/images").rglob("*.png"))) as picture:
        assert picture.mode == "I;16"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"formats": ["pgn"]}, "export.formats: got 'pgn'; choose one of dicom"),
        ({"formats": ["png", "png"]}, "give each format once"),
        ({"options": {"pgn": {}}}, "export.options: got 'pgn'; choose one of dicom"),
        ({"options": {"png": {"bits": 12}}}, "export.options.png.bits: got 12"),
        ({"options": {"npz": {"bit": 8}}}, "export.options.npz.bit: is unknown"),
    ],
)
def test_a_wrong_option_is_found_before_anything_runs(
    changes: dict[str, object], words: str
) -> None:
    """The parameter at fault, and what is allowed."""
    with pytest.raises(ParameterError, match=r"params\.yaml: ") as caught:
        given = params(**changes)
        config.check_everything(given.model_copy(update={"classify": real_arm()}))
    assert words in str(caught.value)


def real_arm() -> config.Classify:
    """One arm, which every project needs."""
    arm = config.Arm(recipe="classical", images="data/augmented")
    return config.Classify(arms={"classical": arm})


def test_what_cannot_leave_is_said(root: Path) -> None:
    """Unknown names, channels that are no picture, sets that differ, nothing selected."""
    with pytest.raises(DataError, match="data/synthetic/acgan: is not there; choose among dcgan"):
        export.load(params(), root, "acgan")
    with pytest.raises(DataError, match="is not there"):
        export.load(params(), root, "../images")
    synthetic_set(root / "data/synthetic/two/r0f0g0", (8, 6), channels=("T1", "T2"))
    with pytest.raises(DataError, match="has 2 channels, but a picture has one or three"):
        export.run(params(), root, "two", NullRun())
    synthetic_set(root / "data/synthetic/dcgan/r0f1g0", (6, 8))
    with pytest.raises(DataError, match="differs from"):
        export.load(params(), root, "dcgan")
    synthetic_set(root / "data/synthetic/odd/r0f0g0", (8, 6), orientation="PX")
    with pytest.raises(DataError, match="has the orientation 'PX'; give a side for each"):
        export.by_hand(params(), root, "odd", root / "out", formats=["nifti"])


def test_the_command_exports_without_dvc(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a folder of one's own, which it does not overwrite."""
    monkeypatch.setattr(cli, "ROOT", root)
    monkeypatch.setattr(cli.config, "load", lambda path: params())
    out = root / "to-share"
    arguments = ["export", "dcgan", "--format", "nifti, npz", "--out", str(out), "--all"]
    result = CliRunner().invoke(cli.app, arguments, catch_exceptions=False)
    assert result.output.split() == [str(out / "nifti"), str(out / "npz")]
    assert len(list((out / "nifti/images").rglob("*.nii.gz"))) == 6
    assert not (root / "exports").exists()
    with pytest.raises(DataError, match="is there already; take it away"):
        CliRunner().invoke(cli.app, arguments, catch_exceptions=False)
    arguments[3] = "nifti,tiff"
    with pytest.raises(DataError, match=r"^--format: got 'tiff'; choose one of dicom"):
        CliRunner().invoke(cli.app, arguments, catch_exceptions=False)


def test_a_format_that_fails_leaves_nothing_in_the_way(root: Path) -> None:
    """What one format had written before another failed would refuse the second try."""
    synthetic_set(root / "data/synthetic/two/r0f0g0", (8, 6), channels=("T1", "T2"))
    out = root / "out"
    with pytest.raises(DataError, match="has 2 channels"):
        export.by_hand(params(), root, "two", out, formats=["nifti", "png"])
    assert list(out.iterdir()) == []
    taken = root / "taken"
    taken.write_text("a file")
    with pytest.raises(DataError, match=r"^--out: .* cannot be written to"):
        export.by_hand(params(), root, "two", taken, formats=["nifti"])
    assert export.by_hand(params(), root, "two", out, formats=["nifti"]) == [out / "nifti"]
    assert [path.name for path in out.iterdir()] == ["nifti"]
