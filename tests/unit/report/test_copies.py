"""The copy check on the page: findings as they were said, and bounds that promise no more."""

from __future__ import annotations

import pytest

from pipeline.report.copies import MADE_FROM_ROWS, attack_title, copies, made_from_rows, space_title


def check(finding: str, share: float, *, copying: bool = False) -> dict:
    """A check of one model in one space."""
    return {
        "copying": copying,
        "finding": finding,
        "flagged_images": 2,
        "spaces": {
            "pixels": {
                "distance": {"synthetic": {"median": 0.8}, "held_out": {"median": 0.9}},
                "nearer": {"auc": 0.5, "low": 0.4, "high": 0.6},
                "share": {"value": share, "low": share / 2, "high": share * 2},
                "expected": 0.01,
            }
        },
        "membership": {
            "attacks": {
                "distance_pixels": {
                    "auc": {"value": 0.5, "low": 0.4, "high": 0.6},
                    "tpr": {"value": 0.0, "low": 0.0, "high": 0.1},
                }
            }
        },
    }


def test_models_are_averaged_and_bounds_are_the_widest():
    """A mean of two models is no more certain than the less certain one."""
    folds = {
        "r0f0g0": {"copies": check("None.", 0.1)},
        "r0f1g0": {"copies": check("Some.", 0.3, copying=True)},
    }
    found = copies({"dcgan": {"folds": folds}})
    (family,) = found["families"]
    assert (family["copying"], family["models"], family["flagged"]) == (1, 2, 4)
    assert [(each["words"], each["models"]) for each in family["findings"]] == [
        ("None.", "model r0f0g0"), ("Some.", "model r0f1g0"),
    ]  # fmt: skip
    share = found["spaces"][0]["cells"][0]["share"]
    assert share == {"value": pytest.approx(0.2), "low": 0.05, "high": 0.6}
    assert found["membership"][0]["cells"][0]["auc"]["value"] == 0.5
    assert [row["model"] for row in found["details"]] == ["r0f0g0", "r0f1g0"]


def test_one_finding_of_all_models_is_said_once():
    """And says that it is about all of them."""
    folds = {name: {"copies": check("None.", 0.1)} for name in ("r0f0g0", "r0f1g0")}
    (family,) = copies({"dcgan": {"folds": folds}})["families"]
    assert family["findings"] == [{"words": "None.", "models": "all models"}]


def test_what_could_not_be_judged_is_said_without_figures():
    """Too few held-out images leave a finding only, which is no clean bill."""
    folds = {"r0f0g0": {"copies": {"copying": None, "finding": "Nothing can be said."}}}
    found = copies({"dcgan": {"folds": folds}})
    assert found["families"][0]["copying"] == 0
    assert found["families"][0]["findings"][0]["words"] == "Nothing can be said."
    assert found["spaces"] == found["membership"] == found["details"] == []


def test_no_check_is_none():
    """Figures without a copy check do not make one."""
    assert copies({"dcgan": {"folds": {"r0f0g0": {"all": {"kid": 1.0}}}}}) is None


def test_titles():
    """Spaces and attacks are called by words, those without a line by their own names."""
    assert space_title("pixels") == "Pixels, after flips, turns and shifts"
    assert space_title("new_space") == "New space"
    assert attack_title("distance_mixtures") == "by distance: Mixtures of two training images"
    assert attack_title("discriminator") == "by the discriminator's score"
    assert attack_title("guess") == "guess"


def test_images_made_from_rows_are_said_to_be(tmp_path) -> None:
    """A manifest that names parents tells so, and the page says what likeness then means."""
    for family, parents in (("inpainting", "i00001"), ("dcgan", "")):
        directory = tmp_path / "data/synthetic" / family / "r0f0g0"
        directory.mkdir(parents=True)
        (directory / "manifest.csv").write_text(f"image_id,parent_ids\nx,{parents}\n")
    found = made_from_rows(tmp_path, ["inpainting", "dcgan", "absent"])
    assert found == {"inpainting"}
    folds = {"r0f0g0": {"copies": {"finding": "None found.", "copying": False}}}
    told = copies({"inpainting": {"folds": folds}, "dcgan": {"folds": folds}}, found)
    assert told is not None
    said = {each["family"]: [row["words"] for row in each["findings"]] for each in told["families"]}
    assert said == {"inpainting": ["None found.", MADE_FROM_ROWS], "dcgan": ["None found."]}
