"""Planted copies are found, however disguised; images of other patients are not."""

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from pipeline.privacy import copies
from tests.lesions import disguises, lesions, part

RULE = copies.Rule(false_alarm=0.02, overall_alarm=0.05, shift=2)
PLANTED = 20
# Found among images of this kind; a stated rate is reached if so many of 20 are found as make a
# rate that high no surprise (p > 1%).
STATED = {
    "exact": 1.0,
    "flipped": 1.0,
    "turned": 1.0,
    "shifted": 0.95,
    "blurred": 0.95,
    "noisy": 0.95,
    "recontrasted": 1.0,
    "mixed": 0.9,
    "all_at_once": 0.9,
}


def fewest(rate, trials):
    """The smallest number of hits that a rate leaves likelier than 1%."""
    return int(binom(trials, rate).ppf(0.01))


@pytest.fixture(scope="module")
def searched():
    """150 training images, 100 held-out ones of 50 patients, nine kinds of copies, fresh images."""
    rng = np.random.default_rng(0)
    training, held_out, fresh = (lesions(rng, count) for count in (150, 100, 100))
    planted = [copy(training[:PLANTED]) for copy in disguises(rng).values()]
    made = part(np.concatenate([*planted, fresh]), "g")
    known, unseen = part(training, "t"), part(held_out, "h", each=2)
    return known, unseen, made, copies.compare(known, unseen, made, RULE)


def rows_of(kind):
    """Where a kind lies among what was made."""
    start = list(STATED).index(kind) * PLANTED
    return np.arange(start, start + PLANTED)


@pytest.mark.parametrize("kind", STATED)
def test_disguised_copies_are_flagged_with_their_original(searched, kind):
    """So many as is stated are flagged, by the training image that they were made of."""
    known, _, made, spaces = searched
    table = copies.flagged(spaces, known, made)
    originals = {f"g{row:04d}": f"t{at:04d}" for at, row in enumerate(rows_of(kind))}
    table = table[table["synthetic_id"].isin(originals)]
    right = table["training_id"] == table["synthetic_id"].map(originals)
    right |= table["second_training_id"] == table["synthetic_id"].map(originals)
    assert table.loc[right, "synthetic_id"].nunique() >= fewest(STATED[kind], PLANTED)


def test_images_of_fresh_patients_are_flagged_as_often_as_stated(searched):
    """Beta-binomial: the threshold itself comes of 50 patients' images."""
    _, _, made, spaces = searched
    fresh = np.arange(len(STATED) * PLANTED, len(made))
    for space in spaces.values():
        assert space.yardstick.expected == pytest.approx(2 / 101)
        limit = betabinom(len(fresh), 1, 49.5).isf(0.001)
        assert space.yardstick.flagged(space.synthetic.scores[fresh]).sum() <= limit


def test_a_handful_of_exact_copies_among_many_is_named(searched):
    """Three copies among a hundred fresh images make the finding; the fresh images alone do not."""
    known, unseen, made, _ = searched
    fresh = made.take(np.arange(len(STATED) * PLANTED, len(made)))
    alone = copies.compare(known, unseen, fresh, RULE)
    found = copies.judge(alone, unseen.groups, RULE)
    assert (found["copying"], found["named"]) == (False, 0)
    assert "at a false-alarm rate of 5%" in found["finding"]

    rows = np.r_[0:3, len(STATED) * PLANTED : len(made)]
    found = copies.judge(copies.compare(known, unseen, made.take(rows), RULE), unseen.groups, RULE)
    assert (found["copying"], found["named"]) == (True, 3)


def test_typical_images_come_nearer_and_are_no_copies():
    """What decides is not nearness: averages of many are near to everything, and copies of none."""
    rng = np.random.default_rng(1)
    training, held_out, others = (lesions(rng, count) for count in (150, 100, 400))
    typical = 0.4 * others[:100] + 0.6 * others.reshape(100, 4, *others.shape[1:]).mean(1)
    known, unseen, made = part(training, "t"), part(held_out, "h"), part(typical, "g")
    spaces = copies.compare(known, unseen, made, RULE)
    found = copies.judge(spaces, unseen.groups, RULE)
    assert found["copying"] is False
    nearer = found["spaces"]["mixtures"]["nearer"]
    assert nearer["auc"] > 0.6
    assert nearer["p"] < 0.01


def test_finding_never_promises_anonymity(searched):
    """No sentence says what a search for copies cannot show."""
    _, unseen, _, spaces = searched
    found = copies.judge(spaces, unseen.groups, RULE)
    assert found["copying"] is True
    for word in ("private", "privacy", "safe", "anonym"):
        assert word not in found["finding"].lower()


def test_the_most_suspicious_come_first(searched):
    """Copies lead, with their originals; held-out images are ranked the same way."""
    _, _, _, spaces = searched
    first = copies.most_suspicious(spaces, 20)
    assert all(row < PLANTED * len(STATED) for row, _, _ in first)
    assert all(original == row % PLANTED for row, original, space in first if space == "pixels")
    assert len({row for row, _, _ in copies.most_suspicious(spaces, 9, held_out=True)}) == 9
