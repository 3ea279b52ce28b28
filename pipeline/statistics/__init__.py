"""Intervals, paired tests and corrections; NumPy and SciPy only, pure on arrays.

What is compared is always two arms on the same test images: every test is paired. Two things that
look like observations are none. Images of one patient are not independent, so patients (groups)
are resampled or summed, never images. Seeds are not further patients: they say how much a figure
depends on luck in training, and are averaged within a fold before anything is tested.
To add a test: a file here that returns a `Paired`, with a closed-form or reference test.
"""

from pipeline.statistics.bootstrap import group_weights, percentile_interval
from pipeline.statistics.clustered import clustered_bootstrap
from pipeline.statistics.corrected_t import corrected_t
from pipeline.statistics.corrections import holm
from pipeline.statistics.delong import delong
from pipeline.statistics.effect_size import EffectSize, effect_size
from pipeline.statistics.equivalence import Equivalence, equivalence
from pipeline.statistics.jackknife import jackknife_moves, leave_one_out
from pipeline.statistics.mcnemar import mcnemar, mcnemar_clustered
from pipeline.statistics.mrmc import mrmc, training_overlap
from pipeline.statistics.paired import Paired
from pipeline.statistics.power import power, smallest_difference
from pipeline.statistics.weighted import Weighted, weighted_metrics
from pipeline.statistics.wilson import wilson

__all__ = [
    "EffectSize",
    "Equivalence",
    "Paired",
    "Weighted",
    "clustered_bootstrap",
    "corrected_t",
    "delong",
    "effect_size",
    "equivalence",
    "group_weights",
    "holm",
    "jackknife_moves",
    "leave_one_out",
    "mcnemar",
    "mcnemar_clustered",
    "mrmc",
    "percentile_interval",
    "power",
    "smallest_difference",
    "training_overlap",
    "weighted_metrics",
    "wilson",
]
