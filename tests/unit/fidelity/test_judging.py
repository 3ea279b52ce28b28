"""Every metric in every group, on the same subsets for every kind of feature."""

import numpy as np
import pytest

from pipeline.fidelity import judging
from pipeline.fidelity.floor import Measured
from pipeline.fidelity.judging import Described, Parts, Rule
from pipeline.seeding import numpy_rng
from tests.masked_discs import CLASSES, discs

RULE = Rule(3, 8, 0.05, lambda draw: numpy_rng(1, draw))
FEATURES = {
    "frechet", "kid", "kid_standard_error", "precision", "recall", "density", "coverage",
    "nearest_median", "nearest_p05", "c2st_accuracy", "c2st_p",
}  # fmt: skip


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Training and held-out discs, and noisier ones in the synthetic images' place."""
    root = tmp_path_factory.mktemp("parts")
    return Parts(
        discs(root / "train", 40, size=(16, 16)),
        discs(root / "made", 50, size=(16, 16), noise=60.0, seed=1),
        discs(root / "held", 36, size=(16, 16), seed=2),
    )


def pixels(images):
    """The central pixels as features."""
    central = images.scaled()[:, 0, 6:10, 6:10]
    return central.reshape(len(images), -1).astype(np.float64)


def test_every_group_has_every_figure_beside_its_floor(parts):
    """All images and each class; counts are those that could be compared."""
    found = judging.judge_features(parts, Described.by(pixels, parts), RULE)
    assert list(found) == ["all", *CLASSES]
    for group, figures in found.items():
        assert set(figures) == FEATURES | {"images", "share_near_training"}
        assert figures["images"] == (27 if group == "all" else 13)
        for name in FEATURES:
            measured = figures[name]
            assert measured.floor_low <= measured.floor <= measured.floor_high
        assert figures["frechet"].value > figures["frechet"].floor_high


def test_pixels_have_figures_of_their_own(parts):
    """Noise makes images less alike; every group has it."""
    found = judging.judge_pixels(parts, RULE)
    assert list(found) == ["all", *CLASSES]
    for figures in found.values():
        assert figures["ms_ssim"].value < figures["ms_ssim"].floor_low


def test_extractors_are_compared_on_the_same_subsets(parts):
    """The same features under another name give the same figures."""
    described = Described.by(pixels, parts)
    assert judging.judge_features(parts, described, RULE) == judging.judge_features(
        parts, described, RULE
    )


def test_a_class_with_too_few_images_has_no_figures(parts):
    """Seven are too few for a subset of six."""
    few = parts.held_out.take([*range(0, 36, 2), 1, 3, 5, 7, 9, 11, 13])
    fewer = Parts(parts.training, parts.synthetic, few)
    assert list(judging.judge_features(fewer, Described.by(pixels, fewer), RULE)) == [
        "all",
        "small",
    ]
    assert list(judging.judge_pixels(fewer, RULE)) == ["all", "small"]


def test_the_mean_is_over_what_all_folds_have():
    """Values and floors by themselves; a figure that a fold lacks is left out."""
    one = {"kid": Measured(1.0, 0.0, 0.0, 0.0), "images": 4, "dice": 0.5}
    two = {"kid": Measured(3.0, 1.0, 0.0, 2.0), "images": 6}
    assert judging.mean([one, two]) == {"kid": 2.0, "kid_floor": 0.5, "images": 5.0}
    assert judging.mean([]) == {}


def test_parts_have_masks_only_if_all_have(parts, tmp_path):
    """One set without is enough."""
    without = discs(tmp_path, 4, size=(16, 16), masks=False)
    assert parts.have_masks
    assert not Parts(parts.training, without, parts.held_out).have_masks
