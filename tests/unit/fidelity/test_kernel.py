"""The kernel distance against sums written out."""

import numpy as np
import pytest

from pipeline.fidelity.kernel import kernel_distance


def test_it_equals_the_double_sum() -> None:
    """The matrix form equals the estimator written as loops."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(5, 3)), rng.normal(size=(4, 3)) + 1.0

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 3 + 1) ** 3)

    within = [
        np.mean([kernel(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j])
        for s in (first, second)
    ]
    across = np.mean([kernel(a, b) for a in first for b in second])
    assert kernel_distance(first, second)["kid"] == pytest.approx(
        within[0] + within[1] - 2 * across, rel=1e-12
    )


def test_it_is_unbiased_on_equal_distributions() -> None:
    """Over many draws of one distribution its mean is zero within four standard errors."""
    rng = np.random.default_rng(0)
    draws = [
        kernel_distance(rng.normal(size=(20, 4)), rng.normal(size=(20, 4)))["kid"]
        for _ in range(400)
    ]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / np.sqrt(len(draws))


def test_a_further_set_has_a_greater_distance() -> None:
    """Moving the candidate away raises the distance."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(50, 4)), rng.normal(size=(50, 4))
    near, far = (kernel_distance(first, second + by)["kid"] for by in (0.5, 1.5))
    assert far > near > 0


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_standard_error_is_that_of_repeated_draws(shift: float) -> None:
    """The mean of the squared standard errors is the variance over draws, or somewhat above.

    Efron and Stein: on average not below. Over equal distributions, where pairs of images and not
    images make the variance, about twice it. 400 draws give a variance to within 7% (one
    standard error), four of which are allowed, in heavy tails.
    """
    rng = np.random.default_rng(0)
    found = [
        kernel_distance(rng.normal(size=(25, 4)), rng.normal(size=(30, 4)) + shift)
        for _ in range(400)
    ]
    variance = np.var([each["kid"] for each in found])
    estimated = np.mean([each["kid_standard_error"] ** 2 for each in found])
    assert 0.75 < estimated / variance < 2.6


def test_the_standard_error_is_the_jackknife_written_out() -> None:
    """Leaving out each image in turn gives the same number."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(6, 3)), rng.normal(size=(5, 3))
    variance = 0.0
    for index, images in enumerate((first, second)):
        left = []
        for row in range(len(images)):
            pair = [first, second]
            pair[index] = np.delete(images, row, axis=0)
            left.append(kernel_distance(*pair)["kid"])
        variance += (len(images) - 1) * np.var(left)
    found = kernel_distance(first, second)["kid_standard_error"]
    assert found == pytest.approx(np.sqrt(variance), rel=1e-9)
