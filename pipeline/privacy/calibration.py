"""How suspicious a likeness is: scores of held-out patients' images say what is usual.

How near an image comes to the training images says little by itself: blurred or typical images are
near to everything. So the score is a margin: how many times nearer an image is to the training
images than to those of patients that the generator never saw, as a natural logarithm. Held-out
images, each measured against the others' patients, show which margins chance gives.

Two p-values come of it. The conformal one assumes nothing but that a fresh image is as good as a
held-out one, and cannot fall below 1 / (n + 1) with n of them. The tail's goes on beyond: the
chance that a fresh point comes within r of one of many falls as r^D, so that margins have an
exponential tail; its mean is estimated from the greatest margins, and the uncertainty of that is
counted in.

Sources: conformal: Bates et al. 2023, doi:10.1214/22-AOS2244, equation 2; tail: Hill 1975,
doi:10.1214/aos/1176343247 (exponential logarithms of distances: Levina and Bickel 2004, Maximum
likelihood estimation of intrinsic dimension); a further draw x from an exponential whose mean m
is that of k draws exceeds s with chance (1 + s / (k m))^-k, since x / m is F(2, 2k) distributed;
numbers of exceedances: Gumbel and von Schelling 1950, doi:10.1214/aoms/1177729845.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom

from pipeline.statistics import wilson

_TAIL = 0.1
_FEWEST_IN_TAIL = 5
_LEAST = 0.01


def margins(
    to_training: NDArray[np.float64], to_unseen: NDArray[np.float64], usual: float
) -> NDArray[np.float64]:
    """How many times nearer images are to training images than to unseen ones, as logarithms.

    Args:
        to_training: (N,) distances to the nearest training image.
        to_unseen: (N,) distances to the nearest image of patients that were not trained on.
        usual: The usual distance; a hundredth of it is added to both, so that distance 0 counts.
    """
    least = _LEAST * usual + np.finfo(np.float64).tiny
    found: NDArray[np.float64] = np.log(to_unseen + least) - np.log(to_training + least)
    return found


@dataclass(frozen=True)
class Yardstick:
    """The scores of held-out images in one space.

    Args:
        scores: (n,) ascending.
        patients: How many patients they are of.
        false_alarm: The share of fresh images that may be flagged.
    """

    scores: NDArray[np.float64]
    patients: int
    false_alarm: float

    @classmethod
    def of(cls, scores: NDArray[np.float64], patients: int, false_alarm: float) -> Yardstick:
        """Sort the scores."""
        return cls(np.sort(scores), patients, false_alarm)

    @property
    def rank(self) -> int:
        """Which greatest held-out score is the threshold; with few images the greatest of all."""
        return max(1, int(self.false_alarm * (len(self.scores) + 1)))

    @property
    def expected(self) -> float:
        """The share of fresh images expected above the threshold: `false_alarm`, if attainable."""
        return self.rank / (len(self.scores) + 1)

    @property
    def threshold(self) -> float:
        """An image is flagged from this score on."""
        return float(self.scores[-self.rank])

    @property
    def realised(self) -> tuple[float, float]:
        """Wilson interval of the false-alarm rate, counted in patients."""
        return wilson(self.rank / len(self.scores) * self.patients, self.patients)

    def flagged(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which scores are above the threshold."""
        above: NDArray[np.bool_] = scores > self.threshold
        return above

    def conformal(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The chance of a fresh image's score being as great: (1 + as great) / (n + 1)."""
        as_great = len(self.scores) - np.searchsorted(self.scores, scores, side="left")
        return np.asarray((1 + as_great) / (len(self.scores) + 1), np.float64)

    def tail(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same chance, with an exponential tail beyond the greatest tenth."""
        n = len(self.scores)
        k = min(max(_FEWEST_IN_TAIL, round(_TAIL * n)), n - 1)
        start = self.scores[-k - 1]
        mean = float((self.scores[-k:] - start).mean())
        beyond = np.maximum(scores - start, 0.0)
        fallen = (1.0 + beyond / max(k * mean, 1e-12)) ** -k
        chance = np.where(scores > start, (k + 1) / (n + 1) * fallen, self.conformal(scores))
        return np.asarray(chance, np.float64)

    def chance_of(self, flagged: int, images: int) -> float:
        """The chance that as many of so many fresh images are flagged, or more.

        Beta-binomial, since the threshold is uncertain too; by as much as the number of held-out
        patients makes it, not of their images, which resemble each other.
        """
        rank = self.rank * self.patients / len(self.scores)
        rest = self.patients - rank + self.patients / len(self.scores)
        return float(betabinom(images, rank, rest).sf(flagged - 1))
