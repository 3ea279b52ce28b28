"""Does an image show what it was asked for? The contract of a probe.

A probe is a network trained on a fold's real training rows, asked about synthetic images and, as
the yardstick, about held-out real ones. To add one: a file here with a function that satisfies
`Probe`, and one line in `registry.PROBES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pipeline.compute import Machine
from pipeline.config import Augment
from pipeline.fidelity.floor import Measured
from pipeline.imageset import ImageSet
from pipeline.statistics import wilson


@dataclass(frozen=True)
class Question:
    """What a probe is trained on and asked about.

    Args:
        training: Real training rows of the fold.
        validation: Validation rows; they choose the probe's checkpoint.
        held_out: Rows of held-out patients, the yardstick.
        synthetic: Images of a generator that was trained on the training rows.
        augment: Online augmentation of the probe's training.
        steps: Optimiser steps of the probe.
        seed: Determines the probe, the same for every family.
        machine: Device and precision.
    """

    training: ImageSet
    validation: ImageSet
    held_out: ImageSet
    synthetic: ImageSet
    augment: Augment
    steps: int
    seed: int
    machine: Machine


class Probe(Protocol):
    """Asks one kind of question."""

    def __call__(self, question: Question) -> Mapping[str, Measured | float]:
        """Return figures by name; nothing where the images give no ground for the question.

        A `Measured` is what synthetic images reach, and as its floor what held-out ones do.
        """


def share(hits: float, count: int, real_hits: float, real_count: int) -> Measured:
    """A share of right answers, with Wilson's 95% interval about the held-out images' share."""
    return Measured(hits / count, real_hits / real_count, *wilson(real_hits, real_count))
