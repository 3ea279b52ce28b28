"""The t-test for differences measured on folds whose training sets overlap."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from pipeline.statistics.paired import Paired

NAME = "corrected_t"


def corrected_t(
    differences: ArrayLike, test_train_ratio: float, confidence: float = 0.95
) -> Paired:
    """Test whether the mean difference over folds and repeats is zero.

    Folds share training patients and repeats share test patients, so their differences are
    correlated and the plain t-test claims too much. With J differences of variance s^2, the
    variance of their mean is taken as (1/J + n_test/n_train) s^2 rather than s^2/J.
    Few folds leave few degrees of freedom: three folds once give two, and a wide interval.

    Args:
        differences: (J,) one a fold and repeat, seeds averaged; at least two.
        test_train_ratio: n_test / n_train of a fold, counted in patients or groups.
        confidence: Two-sided coverage of the interval.

    Raises:
        ValueError: With fewer than two differences, which have no variance.

    Source: Nadeau and Bengio 2003, doi:10.1023/A:1024068626366, section 3, equation 9; over
    repeated folds, Bouckaert and Frank 2004, doi:10.1007/978-3-540-24775-3_3.
    """
    values = np.asarray(differences, np.float64)
    count = len(values)
    if count < 2:
        raise ValueError(f"the corrected t-test needs at least two folds, got {count}")
    error = math.sqrt((1 / count + test_train_ratio) * float(values.var(ddof=1)))
    return Paired.from_error(NAME, float(values.mean()), error, count - 1, confidence)
