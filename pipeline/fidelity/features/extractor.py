"""What turns images into features: the contract.

An extractor is fitted to a fold's training rows and handed whole ImageSets, so that it may look at
pixels, masks and spacing. To add one: a file here with a class that satisfies `Extractor`, and one
line in `registry.FEATURES`; name it in `assess.features`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.compute import Machine, Report
from pipeline.config import Augment, Section
from pipeline.imageset import ImageSet


class Extractor(Protocol):
    """Describes images by numbers.

    Attributes:
        Options: What can be chosen under `assess.options.<name>`, frozen and validated.
        needs_masks: Whether it describes only sets that have masks.
    """

    Options: ClassVar[type[Section]]
    needs_masks: ClassVar[bool]

    @classmethod
    def fit(
        cls,
        training: ImageSet,
        validation: ImageSet,
        *,
        options: Any,
        steps: int,
        seed: int,
        machine: Machine,
        augment: Augment,
        report: Report | None = None,
    ) -> Self:
        """Prepare on real rows of a fold; never on held-out or synthetic images.

        Args:
            training: Real training rows of the fold.
            validation: Its validation rows; they only score.
            options: The class's own `Options`.
            steps: Optimiser steps, where something is trained.
            seed: Determines what is drawn, the same for every family.
            machine: Device and precision.
            augment: Online augmentation, where something is trained.
            report: Hears every step.

        Raises:
            ParameterError: If an option asks for what is not there.
        """

    def __call__(self, images: ImageSet) -> NDArray[np.float64]:
        """Describe N images, (N, D), the same D for every set."""
