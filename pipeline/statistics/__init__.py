"""Intervals, paired tests and corrections; NumPy and SciPy only, pure on arrays.

What is compared is always two arms on the same test images: every test is paired. Two things that
look like observations are none. Images of one patient are not independent, so patients (groups)
are resampled or summed, never images. Seeds are not further patients: they say how much a figure
depends on luck in training, and are averaged within a fold before anything is tested.
To add a test: a file here that returns a `Paired`, with a closed-form or reference test.
"""

from pipeline.statistics.bootstrap import (
    bootstrap_p,
    group_weights,
    percentile_interval,
    seed_weights,
)
from pipeline.statistics.corrected_t import corrected_t
from pipeline.statistics.corrections import holm
from pipeline.statistics.delong import delong
from pipeline.statistics.mcnemar import mcnemar, mcnemar_clustered
from pipeline.statistics.paired import Paired
from pipeline.statistics.weighted import Weighted, weighted_metrics
from pipeline.statistics.wilson import wilson

__all__ = [
    "Paired",
    "Weighted",
    "bootstrap_p",
    "corrected_t",
    "delong",
    "group_weights",
    "holm",
    "mcnemar",
    "mcnemar_clustered",
    "percentile_interval",
    "seed_weights",
    "weighted_metrics",
    "wilson",
]
