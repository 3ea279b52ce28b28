"""A directory in this project's own format, as `data/synthetic/<name>/r0f0g0` is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.imageset import ImageSet as Images
from pipeline.imageset import parsed_spacing
from pipeline.readers.reader import About, Record
from pipeline.sources.source import Broken
from pipeline.splits import parse_fold


class ImageSet:
    """Reads an ImageSet, memory-mapped."""

    def __init__(self, path: Path) -> None:
        self._images = Images.open(path)

    def about(self) -> About:
        """Say what meta.json says."""
        meta = self._images.meta
        return About(
            meta.unit,
            meta.window,
            self._images.dtype,
            meta.channels,
            meta.classes,
            meta.positive_class,
            meta.orientation,
            meta.note,
            self._images.has_masks,
        )

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._images)

    def records(self) -> Iterator[Record | Broken]:
        """Read row by row."""
        images, folds = self._images, trained_on(self._images)
        columns = images.manifest[["image_id", "label", "spacing_mm", "selected"]]
        for row, (image_id, label, spacing, selected) in enumerate(columns.itertuples(index=False)):
            yield Record(
                image_id,
                label,
                images.stored([row])[0],
                images.masks([row])[0] if images.has_masks else None,
                parsed_spacing(spacing) or None,
                folds[row],
                bool(selected == 1),
            )


def trained_on(images: Images) -> list[str]:
    """The fold that each image's generator learnt from: by its row, else by the set's name."""
    name = images.root.name if parse_fold(images.root.name) else ""
    if "trained_on" not in images.manifest:
        return [name] * len(images)
    return [str(fold) or name for fold in images.manifest["trained_on"]]
