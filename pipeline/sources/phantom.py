"""Simulated liver lesions in portal venous CT, for a demonstration that needs no patients.

Modelled on the data of Frid-Adar et al. 2018, arXiv:1803.01229: 182 lesions (53 cysts, 64
metastases, 65 haemangiomas) cropped from CT, several of them in one patient. `phantom_lesions`
draws the lesions, `phantom_anatomy` the liver around them, `phantom_scanner` blur and noise.

Every lesion depends on the seed, its class and its number alone: more lesions, or another size,
leave the ones already drawn as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, model_validator

from pipeline.config import Count, Positive, Section
from pipeline.errors import choose_one_of
from pipeline.seeding import numpy_rng
from pipeline.sources.phantom_anatomy import Liver, liver_around
from pipeline.sources.phantom_lesions import LESIONS
from pipeline.sources.phantom_scanner import Grid, Scanner
from pipeline.sources.source import Broken, Scan, Settings, Target

LOW_HU, HIGH_HU = -1024, 3071
NOTE = "Phantom: simulated liver lesions in CT, not patients."


class PhantomOptions(Section):
    """What the phantom can be told.

    Args:
        lesions: How many of each class, in the order of the classes.
        patients: How many patients the lesions are spread over.
        field_mm: Length of the image's longest side.
        subcapsular_share: Share of the lesions that lie at the edge of the liver.
    """

    lesions: Mapping[str, Count] = {"cyst": 53, "metastasis": 64, "haemangioma": 65}
    patients: Count = 60
    field_mm: Positive = 50.0
    subcapsular_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.25

    @model_validator(mode="after")
    def _check(self) -> PhantomOptions:
        if not self.lesions:
            raise ValueError("lesions: give a count for at least one class")
        for name in self.lesions:
            if name not in LESIONS:
                raise ValueError(f"lesions: {choose_one_of(name, LESIONS)}")
        return self


class Phantom:
    """The source `phantom`; its path is not read."""

    Options: ClassVar[type[Section]] = PhantomOptions

    def __init__(self, path: Path, options: PhantomOptions, target: Target) -> None:  # noqa: ARG002
        """Store what to draw."""
        self._options = options
        self._target = target
        self._hosts = _hosts(options, target.seed)

    def settings(self) -> Settings:
        """Say what holds for all images."""
        return Settings(
            channels=("CT",),
            unit="HU",
            window=self._target.window or (-100.0, 200.0),
            low=LOW_HU,
            high=HIGH_HU,
            orientation="PLS"[: len(self._target.size)],
            masks=True,
            classes=tuple(self._options.lesions),
            note=NOTE,
        )

    def __len__(self) -> int:
        """Count the lesions."""
        return sum(self._options.lesions.values())

    def scans(self) -> Iterator[Scan | Broken]:
        """Draw the lesions, class by class."""
        for label, count in self._options.lesions.items():
            for number in range(count):
                yield self._scan(label, number)

    def _scan(self, label: str, number: int) -> Scan:
        seed, options = self._target.seed, self._options
        rng = numpy_rng(seed, "phantom", label, number)
        patient = int(rng.choice(self._hosts[label]))
        subcapsular = bool(rng.random() < options.subcapsular_share)
        liver = Liver.draw(numpy_rng(seed, "phantom", "liver", patient))
        scanner = Scanner.draw(numpy_rng(seed, "phantom", "scanner", patient))
        grid = Grid.over(self._target.size, options.field_mm)

        lesion = LESIONS[label](grid, liver, numpy_rng(seed, "phantom", label, number, "lesion"))
        around = numpy_rng(seed, "phantom", label, number, "around")
        hu = liver_around(grid, liver, lesion.radius_mm, subcapsular=subcapsular, rng=around)
        hu = hu + lesion.cover * (lesion.hu - hu)
        hu = scanner.scan(hu, grid, rng=numpy_rng(seed, "phantom", label, number, "noise"))
        return Scan(
            key=f"{label}-{number + 1:04d}",
            label=label,
            patient=f"phantom-patient-{patient + 1:04d}",
            image=np.rint(np.clip(grid.to_image(hu), LOW_HU, HIGH_HU)).astype(np.int16),
            mask=grid.to_mask(lesion.mask),
            spacing_mm=(grid.spacing_mm,) * len(self._target.size),
            attributes={
                "diameter_mm": round(2 * lesion.radius_mm, 1),
                "place": "subcapsular" if subcapsular else "deep",
            },
        )


def _hosts(options: PhantomOptions, seed: int) -> dict[str, list[int]]:
    """Tell which patients have lesions of each class; three in ten patients have several kinds."""
    classes = sorted(LESIONS)
    hosts: dict[str, list[int]] = {name: [] for name in classes}
    for patient in range(options.patients):
        rng = numpy_rng(seed, "phantom", "patient", patient)
        kinds = 1 if rng.random() < 0.7 else int(rng.integers(2, len(classes) + 1))
        for name in rng.permutation(classes)[:kinds]:
            hosts[str(name)].append(patient)
    everyone = list(range(options.patients))
    return {name: patients or everyone for name, patients in hosts.items()}
