"""Samples as an ImageSet: in the unit and type of the scans, a seed an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.compute import Machine
from pipeline.gan.diets.diet import Diet
from pipeline.gan.family import Family
from pipeline.gan.sampling import sample
from pipeline.imageset import ImageSet, ImageSetWriter, parsed_spacing

PATIENT = "synthetic"


@dataclass(frozen=True)
class Maker:
    """What makes the images of one class.

    Args:
        family: In evaluation mode, on the device.
        diet: Offers what images are made from.
        label: The class index as the family counts them.
    """

    family: Family
    diet: Diet
    label: int


def write_samples(
    root: Path,
    template: ImageSet,
    counts: Mapping[str, int],
    maker: Callable[[str], Maker],
    seed: Callable[[str, int], int],
    machine: Machine,
    *,
    origin: str,
    prefix: str,
    masks: bool,
    advance: Callable[[int], None],
) -> None:
    """Sample class by class and write a set.

    Args:
        root: The set's directory.
        template: The set that the models learnt from, for unit, type, shape and classes.
        counts: Images by class.
        maker: Loads what makes a class; asked once for each, so that one is held at a time.
        seed: (class, number within it) -> the image's seed.
        machine: Device and precision.
        origin: The family's name, for the manifest.
        prefix: Of the image ids.
        masks: Whether every image comes with a mask.
        advance: Called with 1 after each image.
    """
    number, spacing = 0, spacing_by_parents(template)
    with ImageSetWriter(
        root,
        template.meta,
        capacity=sum(counts.values()),
        shape=template.shape,
        dtype=template.dtype,
        masks=masks,
    ) as writer:
        for label, count in counts.items():
            made_by = maker(label)
            for index in range(count):
                drawn = seed(label, index)
                (made,) = sample(made_by.family, made_by.diet, [made_by.label], [drawn], machine)
                number += 1
                writer.add(
                    template.meta.unscale(made.image, template.dtype),
                    image_id=f"{prefix}-{number:05d}",
                    label=label,
                    patient_id=PATIENT,
                    origin=origin,
                    parent_ids=made.parents,
                    mask=made.mask,
                    seed=drawn,
                    spacing_mm=spacing(made.parents),
                    attributes=made.attributes,
                )
                advance(1)


def spacing_by_parents(template: ImageSet) -> Callable[[Sequence[str]], tuple[float, ...]]:
    """Tell the pixel spacing of made images from the images that were learnt from.

    Args:
        template: What the models learnt from.

    Returns:
        From the ids of an image's parents to its spacing: that of the first parent, or without
        one the spacing that all of the template's images share; nothing where they differ, since
        nobody told the generator which of them to draw.
    """
    column = template.manifest["spacing_mm"]
    of_image = dict(zip(template.manifest["image_id"], column, strict=True))
    shared = column.iloc[0] if column.nunique() == 1 else ""

    def spacing(parents: Sequence[str]) -> tuple[float, ...]:
        return parsed_spacing(of_image.get(parents[0], shared) if parents else shared)

    return spacing
