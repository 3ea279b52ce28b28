"""An ImageSet, as the stages exchange it: already pseudonymised, and ready to be used."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipeline.imageset import ImageSet
from pipeline.survey.classes import Classes
from pipeline.survey.description import Description, Sample, Values, ranges, spread

_READ = 64


def describe(path: Path) -> tuple[Description, ImageSet]:
    """Read the manifest and some pixels.

    Raises:
        DataError: If the set is damaged.
    """
    images = ImageSet.open(path)
    manifest, meta = images.manifest, images.meta
    values = Values()
    for row in spread(range(len(images)), _READ):
        values.add(images.stored([row]))
    origins = Counter(manifest["origin"])
    kinds = ", ".join(f"{name} {count}" for name, count in origins.most_common())
    chosen = int(manifest["selected"].astype(str).str.lower().isin(("true", "1")).sum())
    known = manifest["spacing_mm"].ne("").to_numpy()
    counts = Counter(manifest["label"].tolist())
    patients = manifest.loc[manifest["patient_id"].ne(""), "patient_id"].nunique()
    said = [
        ("images", f"{len(images)} by origin: {kinds}"),
        ("selected", f"{chosen}"),
        ("masks", "one an image" if images.has_masks else "none"),
        ("patients", f"{patients}, by pseudonym" if patients else "none: no image is a scan"),
        ("size", f"{images.shape[0]} x {' x '.join(map(str, images.shape[1:]))}, {images.dtype}"),
        ("spacing", ranges(images.spacing[known].tolist(), "mm")),
        ("window", f"{meta.window[0]:g} to {meta.window[1]:g} {meta.unit}"),
        ("values", values.shown(meta.unit)),
        ("orientation", meta.orientation),
    ]
    said += [("note", meta.note)] if meta.note else []
    description = Description(
        form="ImageSet",
        source=None,
        said=said,
        size=images.shape[1:],
        window=meta.window,
        options={},
        classes=Classes(counts, "the manifest", published=True),
        sample=Sample({}, None, {}),
    )
    return description, images
