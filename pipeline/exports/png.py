"""8-bit PNG files in class folders, with the stated window, and a table of labels.

3D images leave as their middle slice along the last axis, for the eye; use another format to keep
the volume and the unit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.exports.export import about, file_name, selected_samples, write_table
from pipeline.imageset import ImageSet


def write(sets: Sequence[ImageSet], directory: Path) -> int:
    """Write `<class>/<image_id>.png`, `labels.csv` and `about.json`; return how many images."""
    meta = sets[0].meta
    rows = []
    for sample in selected_samples(sets):
        folder = directory / file_name(sample.label)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{file_name(sample.image_id)}.png"
        to_picture(meta.scale(sample.image)).save(path)
        rows.append((path.relative_to(directory).as_posix(), sample.label, sample.trained_on))
    write_table(directory / "labels.csv", ("file", "label", "trained_on"), rows)
    text = json.dumps(about(meta), indent=2, sort_keys=True, ensure_ascii=False)
    (directory / "about.json").write_text(text + "\n", encoding="utf-8")
    return len(rows)


def to_picture(scaled: NDArray[Any]) -> Image.Image:
    """Turn (C, *spatial) in [-1, 1] into an 8-bit picture: grey, or colour for three channels."""
    if scaled.ndim == 4:
        scaled = scaled[..., scaled.shape[-1] // 2]
    pixels = np.rint((np.clip(scaled, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    if len(pixels) == 3:
        return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    return Image.fromarray(pixels[0])
