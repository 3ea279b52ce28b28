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
