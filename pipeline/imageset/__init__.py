"""The ImageSet: the one thing that stages exchange.

A directory with `images.npy` (N, C, *spatial), optionally `masks.npy` (N, 1, *spatial) uint8,
`manifest.csv` (a row an image) and `meta.json`. Pixels stay in the scan's own unit and narrowest
safe dtype; `Meta.window` is the one reversible scaling to model input in [-1, 1].
"""

from pipeline.imageset.layout import COLUMNS, Meta, narrowest_dtype, parsed_spacing, spacing_text
from pipeline.imageset.reading import ImageSet
from pipeline.imageset.writing import ImageSetWriter, write_selection

__all__ = [
    "COLUMNS",
    "ImageSet",
    "ImageSetWriter",
    "Meta",
    "narrowest_dtype",
    "parsed_spacing",
    "spacing_text",
    "write_selection",
]
