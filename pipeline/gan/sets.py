"""Samples as an ImageSet: in the unit and type of the scans, a seed an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.gan.generator import Generator
from pipeline.imageset import ImageSet, ImageSetWriter, parsed_spacing

PATIENT = "synthetic"


def write_samples(
    root: Path,
    generator: Generator,
    counts: Mapping[str, int],
    seed: Callable[[str, int], int],
    *,
    prefix: str,
    advance: Callable[[int], None],
    spacing: Callable[[Sequence[str]], tuple[float, ...]] = lambda _: (),
) -> None:
    """Sample class by class and write a set.

    Args:
        root: The set's directory.
        generator: What makes the images.
        counts: Images by class.
        seed: (class, number within it) -> the image's seed.
        prefix: Of the image ids.
        advance: Called with 1 after each image.
        spacing: Ids of the images that one owes pixels to -> its spacing, nothing where unknown.
    """
    number = 0
    with ImageSetWriter(
        root,
        generator.format.meta,
        capacity=sum(counts.values()),
        shape=generator.format.shape,
        dtype=generator.format.dtype,
        masks=generator.makes_masks,
    ) as writer:
        for label, count in counts.items():
            for made in generator.from_seeds(label, (seed(label, each) for each in range(count))):
                number += 1
                writer.add(
                    made.image,
                    image_id=f"{prefix}-{number:05d}",
                    label=label,
                    patient_id=PATIENT,
                    origin=generator.family,
                    parent_ids=made.parents,
                    mask=made.mask,
                    seed=made.seed,
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
