"""Attacks succeed on a generator that hands out its training images and fail on fresh ones."""

import numpy as np
import pytest

from pipeline.privacy import membership
from tests.lesions import lesions, part


def attacked(made):
    """Judge all attacks by distance on 60 members and 60 strangers, two images a patient."""
    rng = np.random.default_rng(0)
    real = lesions(rng, 120)
    synthetic = {"copies": real[:60], "fresh": lesions(rng, 100)}[made]
    members, strangers = part(real[:60], "t", each=2), part(real[60:], "h", each=2)
    scores = membership.by_distance(members, strangers, part(synthetic, "g"), shift=2)
    member = np.arange(120) < 60
    groups = np.concatenate([members.groups, strangers.groups])
    return membership.judge(scores, member, groups, rng=np.random.default_rng(1))


def test_copies_give_every_member_away():
    """Area 1, and all members at one false accusation in a hundred; 30 patients a side."""
    found = attacked("copies")
    assert (found["patients"], found["members"], found["strangers"]) == (30, 60, 60)
    assert {"distance_pixels", "calibrated_pixels_coarse"} <= set(found["attacks"])
    for attack in found["attacks"].values():
        assert attack["auc"]["value"] == 1.0
        assert attack["tpr"]["value"] == 1.0
        assert attack["fpr_resolution"] == pytest.approx(1 / 60)


def test_fresh_images_give_nobody_away():
    """One half lies in the interval of the area, which misses it once in twenty; a fixed seed."""
    for attack in attacked("fresh")["attacks"].values():
        assert attack["auc"]["low"] < 0.5 < attack["auc"]["high"]
        # Exchangeable scores: the greatest stranger is exceeded by Geometric(1/2) many members;
        # more than 10 of 60 have a chance of 0.1%.
        assert attack["tpr"]["value"] <= 10 / 60


def test_the_interval_of_the_area_covers_it_as_often_as_stated():
    """One half, in 95% of experiments with two equal images a patient: the patient counts once."""
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        scores = np.repeat(rng.normal(size=80), 2)
        found = membership.judge_attack(
            scores, np.arange(160) < 80, np.repeat(np.arange(80), 2), rng=rng
        )
        covered += found["auc"]["low"] <= 0.5 <= found["auc"]["high"]
    # Binomial(100, 0.95): fewer than 88 has a chance of 0.4%.
    assert covered >= 88


def test_the_share_found_at_few_false_accusations_by_hand():
    """With 100 strangers one may be accused: the threshold is the second greatest of them."""
    strangers = np.arange(100.0)
    members = np.array([97.5, 98.5, 99.5, 120.0])
    scores = np.concatenate([members, strangers])
    found = membership.judge_attack(
        scores, np.arange(104) < 4, np.arange(104), rng=np.random.default_rng(0)
    )
    assert found["tpr"]["value"] == pytest.approx(0.75)
    assert found["auc"]["value"] == pytest.approx((98 + 99 + 100 + 100) / 400)


def test_ties_are_accused_together():
    """A score that everyone has finds nobody at so low a rate."""
    found = membership.judge_attack(
        np.zeros(40), np.arange(40) < 20, np.arange(40), rng=np.random.default_rng(0)
    )
    assert (found["auc"]["value"], found["tpr"]["value"]) == (0.5, 0.0)


def test_discriminators_of_classes_are_put_on_one_scale():
    """What differs between classes alone tells nobody apart."""
    logits, labels = np.array([0.0, 1.0, 2.0, 100.0, 200.0, 300.0]), np.array([0, 0, 0, 1, 1, 1])
    scores = membership.by_discriminator(logits, labels)
    assert scores == pytest.approx([-1.0, 0.0, 1.0, -1.0, 0.0, 1.0])
    assert membership.by_discriminator(np.ones(3), np.zeros(3, int)) == pytest.approx([0.0] * 3)


def test_as_many_patients_are_drawn_on_either_side():
    """All images of five patients of ten, and all of the five there are."""
    members, strangers = np.repeat(np.arange(10), 2), np.arange(5)
    rows = membership.equal_patients(members, strangers, rng=np.random.default_rng(0))
    assert [len(each) for each in rows] == [10, 5]
    assert len(np.unique(members[rows[0]])) == 5
    assert np.all(np.diff(rows[0]) > 0)
