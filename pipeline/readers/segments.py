"""A mask out of a DICOM Segmentation as the export `dicom` writes it: values, slice by slice.

Segmentations from elsewhere may lie in other grids and mean several structures; they are not read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.sources import dicom_files
from pipeline.sources.source import UnusableError


def read(path: Path, slices: int) -> NDArray[np.uint8]:
    """Read a mask, (1, rows, columns, slices), by the slices' numbers.

    Raises:
        UnusableError: If it is no such object.
    """
    header = dicom_files.read(path, pixels=True)
    try:
        with dicom_files.silence():
            return _values(header, slices)
    except Exception:  # a tag can hold anything, and be absent where it is expected
        raise UnusableError("the mask is no segmentation of its image") from None


def _values(header: Any, slices: int) -> NDArray[np.uint8]:
    rows, columns = int(header.Rows), int(header.Columns)
    planes = header.pixel_array.reshape(-1, rows, columns)
    label = {int(each.SegmentNumber): str(each.SegmentLabel) for each in header.SegmentSequence}
    value = {number: np.uint8(int(text.split()[-1])) for number, text in label.items()}
    mask = np.zeros((1, rows, columns, slices), np.uint8)
    for plane, groups in zip(planes, header.PerFrameFunctionalGroupsSequence, strict=True):
        segment = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        index = int(groups.FrameContentSequence[0].InStackPositionNumber) - 1
        mask[0, plane > 0, index] = value[segment]
    return mask
