"""The classifier two-sample test: by hand, under the null, and where sets differ."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler

from pipeline.fidelity.two_sample import two_sample


def test_two_heaps_are_told_apart_by_hand():
    """Four asked of eight, all right: accuracy 1, and a chance of one in sixteen."""
    rng = np.random.default_rng(0)
    near, far = rng.normal(size=(4, 2)), rng.normal(size=(4, 2)) + 50.0
    assert two_sample(near, far) == {"c2st_accuracy": 1.0, "c2st_p": pytest.approx(1 / 16)}


def test_p_is_the_binomial_tests():
    """One-sided, of the right answers."""
    rng = np.random.default_rng(1)
    found = two_sample(rng.normal(size=(40, 3)), rng.normal(size=(40, 3)) + 0.7)
    hits = round(found["c2st_accuracy"] * 40)
    expected = binomtest(hits, 40, 0.5, alternative="greater").pvalue
    assert found["c2st_p"] == pytest.approx(expected, rel=1e-12)


def test_equal_distributions_are_rarely_told_apart():
    """Of 400 null draws at 5%, at most 5% and four standard errors (4.4%) are significant."""
    rng = np.random.default_rng(0)
    found = [two_sample(rng.normal(size=(30, 4)), rng.normal(size=(30, 4))) for _ in range(400)]
    assert np.mean([each["c2st_p"] <= 0.05 for each in found]) < 0.05 + 0.044
    # 400 accuracies of 30 answers: a standard error of 0.5 / sqrt(30 * 400) = 0.0046, four of them.
    assert np.mean([each["c2st_accuracy"] for each in found]) == pytest.approx(0.5, abs=0.019)


def test_a_shift_is_found_and_more_of_it_more_surely():
    """Accuracy grows with the distance."""
    rng = np.random.default_rng(0)
    real, other = rng.normal(size=(100, 4)), rng.normal(size=(100, 4))
    accuracies = [two_sample(real, other + by)["c2st_accuracy"] for by in (0.0, 1.0, 3.0)]
    assert accuracies == sorted(accuracies)
    assert accuracies[-1] > 0.95


@pytest.mark.parametrize("dims", [4, 60], ids=["fewer features", "fewer images"])
def test_its_answers_are_scikit_learns(dims):
    """RidgeClassifier, on the same halves, standardised alike."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(50, dims)), rng.normal(size=(50, dims)) + 0.4
    known, asked = np.r_[real[:25], fake[:25]], np.r_[real[25:], fake[25:]]
    truth = np.repeat([0, 1], 25)
    scaler = StandardScaler().fit(known)
    classifier = RidgeClassifier(alpha=1.0).fit(scaler.transform(known), truth)
    expected = classifier.score(scaler.transform(asked), truth)
    assert two_sample(real, fake)["c2st_accuracy"] == pytest.approx(expected, rel=1e-12)


def test_the_larger_set_is_cut_to_the_smaller():
    """So that one half is the chance."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(20, 2)), rng.normal(size=(90, 2))
    assert two_sample(real, fake) == two_sample(real, fake[:20])
